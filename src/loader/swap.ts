/**
 * The transaction: an interface goes from what runs to a declared chain, whole or not at all.
 *
 *     lock -> read the live state, clear leftovers -> nothing to do? -> build the next generation whole
 *          -> one bpf_link_update that names the program it expects -> unpin what nothing uses
 *
 * A failure before the update takes back what was pinned and changes nothing. A crash at any instant leaves the old or the
 * new generation whole; the next command clears the rest.
 */
import { rmdirSync } from "node:fs";
import type { Chain, Linkage, Mode } from "../chain/chain.ts";
import { type DispatcherImage, type Manifest, synthesise } from "../codegen/index.ts";
import { XdpgenError } from "../errors.ts";
import { canFreplace } from "./features.ts";
import { buildGeneration, type Generation } from "./generation.ts";
import { createLink, modeOf, requireFree, takeOver } from "./hook.ts";
import { requireInterface } from "./interface.ts";
import { isErrno, KernelError, type Kernel } from "./kernel.ts";
import type { Live } from "./live.ts";
import { withLock } from "./lock.ts";
import type { Machine } from "./machine.ts";
import { clearLeftovers, recover, slotsBound, sweep } from "./recovery.ts";
import { resolveChain } from "./source.ts";
import { type Journal, linkPin, openJournal } from "./store.ts";

export interface SwapOptions {
  /** Overrides the chain's mode. */
  readonly mode?: Mode | "auto";
  /** Overrides the chain's linkage; a program's own stays. */
  readonly linkage?: Linkage | "auto";
  /** Take the interface over from a program that is not xdpgen's. */
  readonly replace?: boolean;
  /** Milliseconds to wait for another writer; default 10000. */
  readonly lockTimeout?: number;
  /** Told, in a sentence each, what a user should know of and no error says. */
  readonly report?: (message: string) => void;
}

export interface SwapResult {
  readonly outcome: "created" | "swapped" | "unchanged";
  readonly generation: number;
  readonly mode: Mode;
  readonly image: DispatcherImage;
}

export const attachmentDir = ({ root, netns }: Machine, ifindex: number): string => `${root}/${netns}-${ifindex}`;

/** Makes `device` run `chain`. See `attach` for the errors. */
export async function swap(
  machine: Machine,
  chain: Chain,
  device: string,
  options: SwapOptions = {},
): Promise<SwapResult> {
  const { kernel } = machine;
  const report = options.report ?? ((): void => {});
  const ifindex = requireInterface(kernel, device);
  const declared = { ...chain, mode: options.mode ?? chain.mode, linkage: options.linkage ?? chain.linkage };
  const image = synthesise(await resolveChain(declared), { auto: canFreplace(kernel) ? "freplace" : "call" });
  try {
    sweep(machine, report);
    const dir = attachmentDir(machine, ifindex);
    return await withLock(kernel, dir, options.lockTimeout, async () => {
      try {
        return await swapLocked(kernel, dir, image, { ...options, report, mode: declared.mode, device, ifindex });
      } finally {
        removeIfEmpty(dir);
      }
    });
  } catch (error) {
    throw explain(error, `attach chain ${chain.name} to ${device}`, device);
  }
}

interface Target extends SwapOptions {
  readonly report: (message: string) => void;
  readonly mode: Mode | "auto";
  readonly device: string;
  readonly ifindex: number;
}

async function swapLocked(kernel: Kernel, dir: string, image: DispatcherImage, target: Target): Promise<SwapResult> {
  const { report, device, ifindex } = target;
  using live = recover(kernel, dir, ifindex, { replace: target.replace ?? false, report });
  if (!live && !target.replace) requireFree(kernel, device, ifindex);
  const mode = live && modeOf(kernel.queryXdp(ifindex), live.linkInfo.programId);
  if (mode && target.mode !== "auto" && target.mode !== mode) throw wrongMode(device, mode, target.mode);
  if (live && mode && sameChain(live.manifest, image.manifest) && slotsBound(dir, live)) {
    report(`${device} runs this chain already (generation ${live.generation}): nothing was changed`);
    return { outcome: "unchanged", generation: live.generation, mode, image };
  }

  const generation = (live?.generation ?? 0) + 1;
  const journal = openJournal(kernel);
  let made: Mode;
  try {
    using next = buildGeneration(kernel, dir, live?.manifest, image, generation, journal, report);
    if (live && mode) {
      updateLink(kernel, live, next, target);
      made = mode;
    } else {
      made = firstLink(kernel, dir, next, journal, target);
    }
  } catch (error) {
    journal.undo();
    throw error;
  }
  await cleanUp(kernel, dir, live, image.manifest, generation, report);
  return { outcome: live ? "swapped" : "created", generation, mode: made, image };
}

/** The swap itself: from this call's return on, no packet enters the old dispatcher. */
function updateLink(kernel: Kernel, live: Live, next: Generation, { device, ifindex }: Target): void {
  try {
    kernel.updateLink(live.link.number, next.dispatcher, live.dispatcher.number);
  } catch (cause) {
    if (isErrno(cause, "ENOLINK") && kernel.interfaceIndex(device) !== ifindex) throw gone(device, cause);
    if (!isErrno(cause, "EPERM", "ENOLINK")) throw cause;
    throw new XdpgenError(
      "conflict",
      `${device}: another process replaced or detached the dispatcher (program ${live.dispatcherInfo.id}) in the middle of ` +
        "this swap, without the lock; nothing was changed here: look at `xdpgen status` and try again",
      { cause },
    );
  }
}

function firstLink(kernel: Kernel, dir: string, next: Generation, journal: Journal, target: Target): Mode {
  const { device, ifindex, report } = target;
  using taken = target.replace ? takeOver(kernel, device, ifindex, report) : undefined;
  try {
    const { link, mode } = createLink(kernel, next.dispatcher, device, ifindex, target.mode, report);
    // Until it is pinned the link lives by its fd: a crash here detaches it.
    using open = link;
    journal.pin(open.number, linkPin(dir));
    return mode;
  } catch (error) {
    taken?.restore();
    throw error;
  }
}

/** The swap is done: what fails here is said, and left to the next command. */
async function cleanUp(
  kernel: Kernel,
  dir: string,
  live: Live | undefined,
  manifest: Manifest,
  generation: number,
  report: (message: string) => void,
): Promise<void> {
  try {
    // An unbound slot would say "no verdict" to a packet that is still in the old dispatcher.
    if (live?.manifest.programs.some((p) => p.linkage === "freplace")) await kernel.waitForPackets();
    clearLeftovers(dir, manifest, generation);
  } catch (error) {
    report(
      `generation ${generation} is live; the pins of the one before could not be removed (${(error as Error).message}); the next command tries again`,
    );
  }
}

/** Where an object came from is for people: the same program by another path is the same chain. */
function sameChain(a: Manifest, b: Manifest): boolean {
  const key = (m: Manifest): string =>
    JSON.stringify({ ...m, programs: m.programs.map((p) => ({ ...p, object: "" })) });
  return key(a) === key(b);
}

function wrongMode(device: string, is: Mode, wanted: Mode): XdpgenError {
  return new XdpgenError(
    "environment",
    `${device} runs its chain in ${is} mode, and the mode of a link cannot be changed: to change to ${wanted} mode, run ` +
      "`xdpgen detach` and apply again; in between packets meet no program",
  );
}

function gone(device: string, cause: unknown): XdpgenError {
  return new XdpgenError("interface-missing", `interface ${device} went away; nothing was changed`, { cause });
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "ENOENT", "EEXIST")) throw error;
  }
}

/** A failed call that nobody has explained yet, as an error with its context. */
export function explain(error: unknown, what: string, device: string, after = "nothing was changed"): unknown {
  if (error instanceof XdpgenError || !(error instanceof Error)) return error;
  if (isErrno(error, "ENODEV")) return gone(device, error);
  const call = error instanceof KernelError ? error.call : "syscall" in error ? String(error.syscall) : undefined;
  if (call === undefined) return error;
  return new XdpgenError("kernel", `cannot ${what}: ${error.message}; ${after}`, { cause: error });
}
