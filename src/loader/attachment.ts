/** An attachment as the library's user holds it: attach, open, update, look, detach. */
import type { Chain } from "../chain/chain.ts";
import { combineFailures } from "../errors.ts";
import { folderOf } from "./live/adopt.ts";
import { explaining } from "./live/explain.ts";
import { notAttached, readLive } from "./live/live.ts";
import { placeOf, placesOf } from "./live/place.ts";
import { type Interface, interfaceNow } from "./machine/interface.ts";
import type { Kernel, TestRunOptions, TestRunResult } from "./machine/kernel.ts";
import type { Machine } from "./machine/machine.ts";
import type { AttachmentStatus } from "./report/attachment-status.ts";
import { attachmentStatus } from "./report/status.ts";
import { testRun } from "./run/test-run.ts";
import { detachFrom, type DetachResult } from "./swap/detach.ts";
import { type ChangeOptions, machineFor } from "./swap/locked-change.ts";
import { rollBackOn, type RollbackResult } from "./swap/rollback.ts";
import { swap, type SwapOptions, type SwapResult } from "./swap/swap.ts";
import { turns } from "./turns.ts";

export interface AttachOptions extends SwapOptions {
  /** Where to attach; default this machine. Tests give their own. */
  readonly machine?: Machine;
}

/**
 * A chain on an interface. It holds no fd between calls: each call reads the kernel anew, so it cannot be stale, and
 * disposing it leaves the chain running. What keeps the chain alive are its pins in bpffs.
 *
 * Calls that change something run one after the other, in their order, whoever makes them; a `signal` ends the wait for the
 * turn too, `lockTimeout` begins with it. Disposing waits for those that were made before; any call after it throws `usage`.
 */
export interface Attachment extends AsyncDisposable {
  readonly device: string;
  readonly ifindex: number;
  /** What `attach` did; undefined for `open`. */
  readonly result: SwapResult | undefined;
  /**
   * Regenerate and swap; or attach anew, where somebody has detached the chain. Errors as of `attach`; then the old chain runs
   * on. `events` are those of `attach` or `open`, unless given.
   */
  update(chain: Chain, options?: SwapOptions): Promise<SwapResult>;
  /** Errors as of `rollback`; `events` as for `update`. @param to default the generation before */
  rollback(to?: number, options?: ChangeOptions): Promise<RollbackResult>;
  /** @throws XdpgenError `not-attached`, `interface-missing`, `kernel` */
  status(): AttachmentStatus;
  /**
   * Runs the live dispatcher on a frame, without the interface.
   * @throws XdpgenError `not-attached`, `interface-missing`, `interface-occupied` where something else is on the link,
   *   `packet-invalid`, `kernel`
   */
  testRun(options: TestRunOptions): Promise<TestRunResult>;
  /** Errors as of `detach`; `events` as for `update`. */
  detach(options?: ChangeOptions): Promise<DetachResult>;
}

/** A chain on several interfaces, which get each update together or not at all. Otherwise as `Attachment`. */
export interface Attachments extends AsyncDisposable {
  readonly devices: readonly string[];
  /** What `attachAll` did, one for each interface; undefined for `openAll`. */
  readonly results: readonly SwapResult[] | undefined;
  /** Errors as of `attach`; then all old chains run on, but for those that the message names. */
  update(chain: Chain, options?: SwapOptions): Promise<readonly SwapResult[]>;
  /** @throws XdpgenError `not-attached` where one of them has nothing, `interface-missing`, `kernel` */
  status(): readonly AttachmentStatus[];
  /**
   * One interface after the other. Errors as of `rollback`: where one fails, those before it have been rolled back.
   * @param to default the generation before, of each
   */
  rollback(to?: number, options?: ChangeOptions): Promise<readonly RollbackResult[]>;
  /** One interface after the other. Errors as of `detach`: where one fails, all others are detached all the same. */
  detach(options?: ChangeOptions): Promise<readonly DetachResult[]>;
}

/**
 * Makes `device` run `chain`: creates the attachment, or swaps the chain that is there in one atomic step. The chain runs on
 * when the process ends; its pins are in /sys/fs/bpf/xdpgen.
 *
 * @throws XdpgenError `environment` (privilege, libbpf, bpffs, mode), `interface-missing`, `interface-occupied`,
 *   `program-rejected`, `map-pin`, `check-failed`, `conflict`, `aborted`, `kernel`, and what `synthesise` and `resolveChain`
 *   throw. Nothing was changed then, but a map that was pinned where the chain says stays there. And `health-failed`, or
 *   `aborted` while the health command ran: packets met the new chain meanwhile, and what was there before is put back. A chain that
 *   runs already and whose health command never decided is asked again: it goes back where that fails, and runs on where it is
 *   cancelled.
 */
export async function attach(chain: Chain, device: string, options: AttachOptions = {}): Promise<Attachment> {
  const machine = machineFor(`attach chain ${chain.name} to ${device}`, options);
  const places = placesOf(machine, [device]);
  const [result] = await swap(machine, chain, places, options);
  return attachment(machine, places[0]!, result, options);
}

/**
 * Makes several interfaces run `chain`, all or none. Those that share their maps already, or have none yet, share one
 * dispatcher and its maps. The kernel has no call for several: for an instant some run the old chain and some the new.
 *
 * @throws XdpgenError as `attach`. Where an interface could not be put back, the message says so.
 */
export async function attachAll(
  chain: Chain,
  devices: readonly string[],
  options: AttachOptions = {},
): Promise<Attachments> {
  const machine = machineFor(`attach chain ${chain.name} to ${devices.join(", ")}`, options);
  const places = placesOf(machine, devices);
  const results = await swap(machine, chain, places, options);
  return attachments(machine, places, results, options);
}

/**
 * The attachment that is on `device` already.
 * @throws XdpgenError `not-attached`, `interface-missing`, `environment`
 */
export async function open(device: string, options: AttachOptions = {}): Promise<Attachment> {
  const machine = machineFor(`open the chain on ${device}`, options);
  const handle = attachment(machine, placesOf(machine, [device])[0]!, undefined, options);
  handle.status();
  return handle;
}

/** The attachments that are on `devices` already. Errors as of `open`. */
export async function openAll(devices: readonly string[], options: AttachOptions = {}): Promise<Attachments> {
  const machine = machineFor(`open the chain on ${devices.join(", ")}`, options);
  const handle = attachments(machine, placesOf(machine, devices), undefined, options);
  handle.status();
  return handle;
}

/** A handle is of an interface: that may be renamed, and its old name be given to another. */
function attachment(
  machine: Machine,
  { device, ifindex }: Interface,
  result: SwapResult | undefined,
  { events }: AttachOptions,
): Attachment {
  const { kernel } = machine;
  const told = { ...(events && { events }) };
  const now = (): Interface => nowOf(kernel, { device, ifindex });
  const queue = turns(`the attachment of ${device} was disposed of: open("${device}") gives a new one`);
  return {
    device,
    ifindex,
    result,
    update: (chain, options) =>
      queue.take(
        async () => (await swap(machine, chain, [placeOf(machine, now())], { ...told, ...options }))[0]!,
        options?.signal,
      ),
    rollback: (to, options) =>
      queue.take(
        async () => rollBackOn(machine, now(), { ...told, ...options, ...(to !== undefined && { to }) }),
        options?.signal,
      ),
    status() {
      queue.requireOpen();
      return requireStatus(machine, now());
    },
    async testRun(options) {
      queue.requireOpen();
      const named = now().device;
      using live = explaining(`read what runs on ${named}`, named, () =>
        readLive(kernel, folderOf(machine, ifindex).dir, ifindex),
      );
      if (live?.place.kind !== "here") throw notAttached(named);
      return await testRun(kernel, live.program.number, options);
    },
    detach: (options) =>
      queue.take(() => detachFrom(machine, { device, ifindex }, { ...told, ...options }), options?.signal),
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
}

function attachments(
  machine: Machine,
  interfaces: readonly Interface[],
  results: readonly SwapResult[] | undefined,
  { events }: AttachOptions,
): Attachments {
  const { kernel } = machine;
  const told = { ...(events && { events }) };
  const devices = interfaces.map(({ device }) => device);
  const now = (): readonly Interface[] => interfaces.map((one) => nowOf(kernel, one));
  const queue = turns(`the attachments of ${devices.join(", ")} were disposed of: openAll gives new ones`);
  return {
    devices,
    results,
    update: (chain, options) =>
      queue.take(async () => {
        const places = now().map((one) => placeOf(machine, one));
        return swap(machine, chain, places, { ...told, ...options });
      }, options?.signal),
    status() {
      queue.requireOpen();
      return now().map((one) => requireStatus(machine, one));
    },
    rollback: (to, options) =>
      queue.take(
        async () =>
          inTurn(now(), (one) => rollBackOn(machine, one, { ...told, ...options, ...(to !== undefined && { to }) })),
        options?.signal,
      ),
    detach: (options) =>
      queue.take(
        () => eachInTurn(interfaces, (one) => detachFrom(machine, one, { ...told, ...options })),
        options?.signal,
      ),
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
}

/** The interface by its present name. Errors as of `interfaceNow`, and `kernel`. */
const nowOf = (kernel: Kernel, one: Interface): Interface =>
  explaining(`ask what ${one.device} is called now`, one.device, () => interfaceNow(kernel, one));

async function inTurn<T>(
  interfaces: readonly Interface[],
  change: (one: Interface) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  for (const one of interfaces) results.push(await change(one));
  return results;
}

/** The same, and what failed is thrown when all are done. */
async function eachInTurn<T>(
  interfaces: readonly Interface[],
  change: (one: Interface) => Promise<T>,
): Promise<readonly T[]> {
  const failures: unknown[] = [];
  const results = await inTurn(interfaces, (one) => change(one).catch((error: unknown) => void failures.push(error)));
  if (failures.length > 0) throw combineFailures(failures);
  return results as readonly T[];
}

function requireStatus(machine: Machine, { device, ifindex }: Interface): AttachmentStatus {
  const found = explaining(`read what runs on ${device}`, device, () =>
    attachmentStatus(machine, folderOf(machine, ifindex)),
  );
  if (found?.namespace.kind === "own") return found;
  throw notAttached(device);
}
