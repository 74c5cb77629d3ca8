/** An attachment as the library's user holds it: attach, open, update, look, detach. */
import type { Chain } from "../chain/chain.ts";
import { adopt, folderOf } from "./live/adopt.ts";
import { explain } from "./live/explain.ts";
import { lastGeneration } from "./live/history.ts";
import { movedAway, notAttached, readLive, readManifest, readPinned } from "./live/live.ts";
import { clearAll, sweep } from "./live/recovery.ts";
import type { Place } from "./live/store.ts";
import { attachmentDir, linkPin, removeIfEmpty, removeTree } from "./live/store.ts";
import { linkTo } from "./live/whereabouts.ts";
import { publicPath } from "./machine/bpffs.ts";
import { requireInterface } from "./machine/interface.ts";
import type { Kernel, TestRunOptions, TestRunResult } from "./machine/kernel.ts";
import { type Holder, withLock } from "./machine/lock.ts";
import { type Machine, thisMachine } from "./machine/machine.ts";
import { attachmentStatus, type AttachmentStatus } from "./report/status.ts";
import { explainAborted, listener, noticesTo } from "./swap/events.ts";
import { rollback, type RollbackResult } from "./swap/rollback.ts";
import { placesOf, swap, type SwapOptions, type SwapResult } from "./swap/swap.ts";
import { turns } from "./swap/turns.ts";

export interface AttachOptions extends SwapOptions {
  /** Where to attach; default this machine. Tests give their own. */
  readonly machine?: Machine;
}

/** Of a call that loads nothing. `events` are those of `attach` or `open`, unless given; `signal` ends the waiting for the lock. */
export type ChangeOptions = Pick<SwapOptions, "lockTimeout" | "events" | "signal">;

/**
 * A chain on an interface. It holds no fd between calls: each call reads the kernel anew, so it cannot be stale, and
 * disposing it leaves the chain running. What keeps the chain alive are its pins in bpffs.
 *
 * Calls that change something run one after the other, in their order, whoever makes them. Disposing waits for those that
 * were made before; any call after it throws `usage`.
 */
export interface Attachment extends AsyncDisposable {
  readonly device: string;
  readonly ifindex: number;
  /** What `attach` did; undefined for `open`. */
  readonly result: SwapResult | undefined;
  /** Regenerate and swap. Errors as of `attach`; then the old chain runs on. `events` are those of `attach` or `open`, unless given. */
  update(chain: Chain, options?: SwapOptions): Promise<SwapResult>;
  /** Errors as of `rollback`. @param to default the generation before */
  rollback(to?: number, options?: ChangeOptions): Promise<RollbackResult>;
  /** @throws XdpgenError `not-attached` */
  status(): AttachmentStatus;
  /** Runs the live dispatcher on a frame, without the interface. @throws XdpgenError `not-attached` */
  testRun(options: TestRunOptions): Promise<TestRunResult>;
  /** Errors as of `detach`. */
  detach(options?: ChangeOptions): Promise<DetachResult>;
}

/** A chain on several interfaces, which get each update together or not at all. Otherwise as `Attachment`. */
export interface Attachments extends AsyncDisposable {
  readonly devices: readonly string[];
  /** What `attachAll` did, one for each interface; undefined for `openAll`. */
  readonly results: readonly SwapResult[] | undefined;
  update(chain: Chain, options?: SwapOptions): Promise<readonly SwapResult[]>;
  /** @throws XdpgenError `not-attached` where one of them has nothing */
  status(): readonly AttachmentStatus[];
  /**
   * One interface after the other: where one fails, those before it have been rolled back.
   * @param to default the generation before, of each
   */
  rollback(to?: number, options?: ChangeOptions): Promise<readonly RollbackResult[]>;
  /** One interface after the other. */
  detach(options?: ChangeOptions): Promise<readonly DetachResult[]>;
}

/**
 * Makes `device` run `chain`: creates the attachment, or swaps the chain that is there in one atomic step. The chain runs on
 * when the process ends; its pins are in /sys/fs/bpf/xdpgen.
 *
 * @throws XdpgenError `environment` (privilege, libbpf, bpffs, mode), `interface-missing`, `interface-occupied`,
 *   `program-rejected`, `map-pin`, `check-failed`, `conflict`, `aborted`, `kernel`, and what `synthesise` and `resolveChain`
 *   throw. Nothing was changed then, but a map that was pinned where the chain says stays there. And `health-failed`, or
 *   `aborted` while the health command ran: packets met the new chain meanwhile, and what was there before is put back.
 */
export async function attach(chain: Chain, device: string, options: AttachOptions = {}): Promise<Attachment> {
  const machine = machineFor(`attach chain ${chain.name} to ${device}`, options);
  const [result] = await swap(machine, chain, [device], options);
  return attachment(machine, device, result, options);
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
  const results = await swap(machine, chain, devices, options);
  return attachments(machine, devices, results, options);
}

/**
 * The attachment that is on `device` already.
 * @throws XdpgenError `not-attached`, `interface-missing`, `environment`
 */
export async function open(device: string, options: AttachOptions = {}): Promise<Attachment> {
  const handle = attachment(machineFor(`open the chain on ${device}`, options), device, undefined, options);
  handle.status();
  return handle;
}

/** The attachments that are on `devices` already. Errors as of `open`. */
export async function openAll(devices: readonly string[], options: AttachOptions = {}): Promise<Attachments> {
  const machine = machineFor(`open the chain on ${devices.join(", ")}`, options);
  const handle = attachments(machine, devices, undefined, options);
  handle.status();
  return handle;
}

function machineFor(what: string, { machine, events }: AttachOptions): Machine {
  return machine ?? thisMachine(what, noticesTo(events));
}

function attachment(
  machine: Machine,
  device: string,
  result: SwapResult | undefined,
  { events }: AttachOptions,
): Attachment {
  const { kernel } = machine;
  const given = { machine, ...(events && { events }) };
  const ifindex = requireInterface(kernel, device);
  const name = (): string => nameNow(machine, { device, ifindex });
  const queue = turns(`the attachment of ${device} was disposed of: open("${device}") gives a new one`);
  return {
    device,
    ifindex,
    result,
    update: (chain, options) =>
      queue.take(async () => (await swap(machine, chain, [name()], { ...(events && { events }), ...options }))[0]!),
    rollback: (to, options) =>
      queue.take(() => rollback(name(), { ...given, ...options, ...(to !== undefined && { to }) })),
    status() {
      queue.requireOpen();
      return requireStatus(machine, device, ifindex);
    },
    async testRun(options) {
      queue.requireOpen();
      using live = readLive(kernel, folderOf(machine, ifindex).dir, ifindex);
      if (!live || live.place.kind === "elsewhere") throw notAttached(device);
      return await kernel.testRun(live.program.number, options);
    },
    detach: (options) => queue.take(() => detach(name(), { ...given, ...options })),
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
}

function attachments(
  machine: Machine,
  given: readonly string[],
  results: readonly SwapResult[] | undefined,
  { events }: AttachOptions,
): Attachments {
  const told = { ...(events && { events }) };
  const places = placesOf(machine, given);
  const devices = places.map(({ device }) => device);
  const names = (): readonly string[] => places.map((place) => nameNow(machine, place));
  const queue = turns(`the attachments of ${devices.join(", ")} were disposed of: openAll gives new ones`);
  return {
    devices,
    results,
    update: (chain, options) => queue.take(() => swap(machine, chain, names(), { ...told, ...options })),
    status() {
      queue.requireOpen();
      return places.map(({ device, ifindex }) => requireStatus(machine, device, ifindex));
    },
    rollback: (to, options) =>
      queue.take(() =>
        inTurn(names(), (device) =>
          rollback(device, { machine, ...told, ...options, ...(to !== undefined && { to }) }),
        ),
      ),
    detach: (options) =>
      queue.take(() => inTurn(names(), (device) => detach(device, { machine, ...told, ...options }))),
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
}

async function inTurn<T>(devices: readonly string[], change: (device: string) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (const device of devices) results.push(await change(device));
  return results;
}

/** A handle is of an interface: that may be renamed, and its old name be given to another. */
function nameNow({ kernel }: Machine, { device, ifindex }: Pick<Place, "device" | "ifindex">): string {
  return kernel.interfaceName(ifindex) ?? device;
}

function requireStatus(machine: Machine, device: string, ifindex: number): AttachmentStatus {
  const found = attachmentStatus(machine, folderOf(machine, ifindex));
  if (found?.namespace.kind === "own") return found;
  throw notAttached(device);
}

export interface DetachResult {
  /** False where there was nothing to detach. */
  readonly detached: boolean;
}

/**
 * Takes the chain off `device` and removes all its pins. Says so, and is no error, where there is none; a chain that went
 * to another network namespace with an interface that had the same index is left alone.
 *
 * @throws XdpgenError `interface-missing` where there is no such interface, unless attachments of interfaces that are gone
 *   were cleared; `environment`, `conflict`
 */
export async function detach(device: string, options: AttachOptions = {}): Promise<DetachResult> {
  const what = `detach the chain from ${device}`;
  const { lockTimeout: timeout, signal } = options;
  const emit = listener(options.events);
  const report = noticesTo(options.events);
  const machine = machineFor(what, options);
  const { kernel } = machine;
  try {
    const cleared = sweep(machine, report);
    if (cleared > 0 && kernel.interfaceIndex(device) === 0) return { detached: true };
    const ifindex = requireInterface(kernel, device);
    const dir = attachmentDir(machine, ifindex);
    const waiting = (holder: Holder | undefined): void => emit({ kind: "waiting", interface: device, holder });
    const lock = { timeout, waiting, signal };
    await adopt(machine, device, ifindex, lock, report);
    const found = await withLock(kernel, dir, lock, async () => {
      const there = await detachLink(machine, dir, ifindex).catch((error: unknown) => {
        // The lock may have made it.
        removeIfEmpty(dir);
        throw error;
      });
      if (there.elsewhere !== undefined) return there;
      clearAll(dir);
      removeTree(dir);
      return there;
    });
    report(
      found.detached ? `detached the chain from ${device}` : `xdpgen has nothing on ${device}: nothing was changed`,
    );
    if (found.elsewhere !== undefined) report(found.elsewhere);
    return { detached: found.detached };
  } catch (error) {
    const after = "the next `xdpgen detach` clears what is left";
    throw explain(explainAborted(error, what, signal), what, device, after);
  }
}

/**
 * Removes the pins of attachments whose interface no longer exists. Returns how many there were in this network namespace.
 * @throws XdpgenError `environment`
 */
export function clearDefunct(options: AttachOptions = {}): number {
  return sweep(machineFor("clear what removed interfaces have left", options), noticesTo(options.events));
}

/** Whether there was a link to detach; a sentence where it is on another interface, and stays. */
async function detachLink(
  machine: Machine,
  dir: string,
  ifindex: number,
): Promise<{ readonly detached: boolean; readonly elsewhere?: string }> {
  const { kernel } = machine;
  using pinned = readPinned(kernel, dir, ifindex);
  if (!pinned) {
    const ran = detachUnpinned(machine, ifindex);
    // Its dispatcher may be one that is pinned here.
    if (ran) await kernel.waitForPackets();
    return { detached: ran || lastGeneration(kernel, dir) !== undefined };
  }
  if (pinned.place.kind === "elsewhere") {
    const command = `\`bpftool link detach pinned ${publicPath(linkPin(dir))}\``;
    return { detached: false, elsewhere: `${movedAway(pinned, dir, ifindex)}: ${command} takes it off there` };
  }
  kernel.detachLink(pinned.link.number);
  // Packets that are still in the dispatcher must find its slots bound.
  await kernel.waitForPackets();
  return { detached: true };
}

/** Takes off a chain whose pins are out of reach, in another bpffs. Whether there was one. */
function detachUnpinned(machine: Machine, ifindex: number): boolean {
  const { kernel } = machine;
  const hook = kernel.queryXdp(ifindex);
  const chain = [hook.native, hook.generic].find((id) => id !== 0 && isDispatcher(kernel, id));
  if (chain === undefined) return false;
  using link = linkTo(machine, ifindex, chain);
  if (link) kernel.detachLink(link.number);
  return link !== undefined;
}

function isDispatcher(kernel: Kernel, id: number): boolean {
  using program = kernel.programById(id);
  return readManifest(kernel, kernel.programInfo(program.number)) !== undefined;
}
