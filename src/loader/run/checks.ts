/**
 * The checks of a chain, run by the kernel (`BPF_PROG_TEST_RUN`): in comes a chain with the dispatcher that is about to go
 * live, out comes how each check came out. A check runs on a copy of the dispatcher with maps of its own, unless it asks for
 * the live maps; then it runs on the dispatcher itself, and what its programs write stays.
 */
import { type Chain, type Check, framesOfCheck, type Linkage } from "../../chain/index.ts";
import type { DispatcherImage } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { openKernel } from "../ffi/index.ts";
import { folderOf } from "../live/adopt.ts";
import { explain } from "../live/explain.ts";
import { inheritance, type Past, pastOf } from "../live/history.ts";
import { notAttached, readPinned } from "../live/live.ts";
import { firstThatFits, imagesOf } from "../load/fit.ts";
import { type LoadedPrograms, openLoaded } from "../load/loaded.ts";
import { type MapBinder, mapBinder } from "../load/maps.ts";
import { resolveChain } from "../load/source.ts";
import { requireInterface } from "../machine/interface.ts";
import type { Kernel } from "../machine/kernel.ts";
import { readableMachine } from "../machine/machine.ts";
import { requirePrivilege } from "../machine/privilege.ts";
import { untilSettled } from "../machine/settle.ts";
import { type CheckFailure, type CheckOutcome, compare, formatFailures } from "./check-report.ts";
import { loadCopy } from "./copy.ts";
import { openTracer, type PacketContext, testRunFrom, type Tracer } from "./trace.ts";

export interface TestOptions {
  /** Overrides the chain's linkage. */
  readonly linkage?: Linkage | "auto";
  /** The interface on whose live maps the checks with `maps: live` run; without it they are skipped. */
  readonly device?: string;
  /** Only the check of this name. */
  readonly only?: string;
  /** Told before each check. */
  readonly begin?: (check: Check) => void;
}

/**
 * Runs the checks of a chain, on nothing that packets meet.
 *
 * @throws XdpgenError `usage` where there is no check of that name, `packet-invalid`, `interface-missing`, `not-attached`, and what loading a
 *   chain throws. A check that fails is no error but an outcome.
 */
export async function testChain(chain: Chain, options: TestOptions = {}): Promise<readonly CheckOutcome[]> {
  const what = `run the checks of chain ${chain.name}`;
  try {
    requirePrivilege(what);
    const kernel = openKernel();
    const resolved = await resolveChain({ ...chain, linkage: options.linkage ?? chain.linkage });
    const checks = chosen(resolved, options.only);
    using loaded = openLoaded(kernel, resolved);
    return await firstThatFits(imagesOf(kernel, loaded.chain), (image) =>
      outcomesOf(kernel, loaded, checks, image, options),
    );
  } catch (error) {
    throw explain(error, what, options.device);
  }
}

async function outcomesOf(
  kernel: Kernel,
  loaded: LoadedPrograms,
  checks: readonly Check[],
  image: DispatcherImage,
  options: TestOptions,
): Promise<readonly CheckOutcome[]> {
  const outcomes: CheckOutcome[] = [];
  for (const check of checks) {
    options.begin?.(check);
    if (check.maps !== "live") {
      outcomes.push(await runFresh(kernel, loaded, image, check));
    } else if (options.device === undefined) {
      const skipped = "it uses the live maps: name the interface that they belong to with --dev";
      outcomes.push({ name: check.name, maps: "live", frames: 0, failures: [], skipped });
    } else {
      const { device } = options;
      using copy = untilSettled(device, () => loadCopy(kernel, image, loaded, liveMaps(kernel, image, device)));
      outcomes.push(await run(kernel, check, copy.program));
    }
  }
  return outcomes;
}

function chosen({ name, checks = [] }: Chain, only: string | undefined): readonly Check[] {
  if (only === undefined) return checks;
  const found = checks.filter((check) => check.name === only);
  if (found.length > 0) return found;
  const names = checks.map((check) => check.name);
  const near = nearest(only, names);
  const hint = near ? `did you mean \`${near}\`?` : `it has ${names.map((one) => `\`${one}\``).join(", ") || "none"}`;
  throw new XdpgenError("usage", `chain \`${name}\` has no check \`${only}\`; ${hint}`);
}

/**
 * The maps that a swap of the interface to this image would take over.
 * @throws XdpgenError `not-attached`, `interface-missing`
 */
function liveMaps(kernel: Kernel, image: DispatcherImage, device: string): MapBinder {
  const ifindex = requireInterface(kernel, device);
  const { dir } = folderOf(readableMachine(`read the maps of ${device}`), ifindex);
  using pinned = readPinned(kernel, dir, ifindex);
  const inherited = inheritance(kernel, dir, pinned);
  if (!inherited.identity) throw notAttached(device);
  return mapBinder(kernel, dir, pastOf(inherited), image.manifest);
}

/**
 * Runs all checks before a swap.
 *
 * @param loaded the chain's own, with the chain
 * @param dispatcher fd of the new one, whole and not live yet
 * @param what the attempt, for the message
 * @param each runs one check, by its name
 * @throws XdpgenError `check-failed` with every check that failed, `packet-invalid`
 */
export async function requireChecks(
  kernel: Kernel,
  loaded: LoadedPrograms,
  image: DispatcherImage,
  dispatcher: number,
  what: string,
  each: (name: string, check: () => Promise<CheckOutcome>) => Promise<CheckOutcome>,
): Promise<void> {
  const checks = loaded.chain.checks ?? [];
  const outcomes: CheckOutcome[] = [];
  for (const check of checks) {
    outcomes.push(
      await each(check.name, () =>
        check.maps === "live" ? run(kernel, check, dispatcher) : runFresh(kernel, loaded, image, check),
      ),
    );
  }
  const failed = outcomes.filter(({ failures }) => failures.length > 0);
  if (failed.length === 0) return;
  throw new XdpgenError(
    "check-failed",
    `cannot ${what}: ${failed.length} of ${checks.length} check${checks.length === 1 ? "" : "s"} failed; nothing was ` +
      `changed: correct the chain or the check, and look at it with \`xdpgen test\`\n${failed.map(formatFailures).join("\n")}`,
  );
}

/**
 * The same before interfaces come to run what others run already, or what runs gets another loaded program: on a copy, with the
 * chain's loaded programs and the maps of what runs.
 *
 * @param dir the folder of an attachment that runs it
 * @param past what runs
 * @param image of it
 * @throws XdpgenError as `requireChecks`, and what loading a copy throws
 */
export async function requireChecksOfCopy(
  kernel: Kernel,
  loaded: LoadedPrograms,
  image: DispatcherImage,
  dir: string,
  past: Past,
  what: string,
  each: Parameters<typeof requireChecks>[5],
): Promise<void> {
  if (!loaded.chain.checks) return;
  using copy = loadCopy(kernel, image, loaded, mapBinder(kernel, dir, past, image.manifest));
  await requireChecks(kernel, loaded, image, copy.program, what, each);
}

async function runFresh(
  kernel: Kernel,
  loaded: LoadedPrograms,
  image: DispatcherImage,
  check: Check,
): Promise<CheckOutcome> {
  using copy = loadCopy(kernel, image, loaded);
  using tracer = check.path ? await tracerFor(check, loaded.chain) : undefined;
  return await run(kernel, check, copy.program, async (data, from) => {
    const traced = await tracer?.run(data, from);
    return traced?.steps.map(({ program }) => program);
  });
}

async function tracerFor({ name }: Check, chain: Chain): Promise<Tracer> {
  try {
    return await openTracer(chain);
  } catch (error) {
    if (!(error instanceof XdpgenError)) throw error;
    throw new XdpgenError(error.code, `check \`${name}\` has a \`path\`: ${error.message}`, { cause: error });
  }
}

type PathOf = (data: Uint8Array, from: PacketContext) => Promise<readonly string[] | undefined>;

async function run(
  kernel: Kernel,
  check: Check,
  program: number,
  pathOf: PathOf = () => Promise.resolve(undefined),
): Promise<CheckOutcome> {
  const frames = framesOfCheck(check);
  const from = contextOf(kernel, check);
  const failures: CheckFailure[] = [];
  for (const frame of frames) {
    const { retval, dataOut } = await testRunFrom(kernel, program, frame.data, from).catch((error: unknown) => {
      throw named(check, frame.index, error);
    });
    const path = await pathOf(frame.data, from);
    const failure = compare(check, frame, { verdict: retval >>> 0, data: dataOut, ...(path && { path }) });
    if (failure) failures.push(failure);
  }
  return { name: check.name, maps: check.maps ?? "fresh", frames: frames.length, failures };
}

function contextOf(kernel: Kernel, { name, context = {} }: Check): PacketContext {
  const { interface: ingress, queue } = context;
  const at = queue === undefined ? {} : { queue };
  if (ingress === undefined) return at;
  if (typeof ingress === "number") return { ifindex: ingress, ...at };
  try {
    return { ifindex: requireInterface(kernel, ingress), ...at };
  } catch (error) {
    throw error instanceof XdpgenError
      ? new XdpgenError(error.code, `check \`${name}\`: ${error.message}`, { cause: error })
      : error;
  }
}

/** An error of the kernel's, with the check that met it. */
function named({ name }: Check, frame: number, error: unknown): unknown {
  if (!(error instanceof XdpgenError)) return error;
  return new XdpgenError(error.code, `check \`${name}\`, frame ${frame}: ${error.message}`, { cause: error });
}
