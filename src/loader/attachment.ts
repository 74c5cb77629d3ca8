/** An attachment as the library's user holds it: attach, open, update, look, detach. */
import type { Chain } from "../chain/chain.ts";
import { XdpgenError } from "../errors.ts";
import { publicPath } from "./bpffs.ts";
import { explain } from "./explain.ts";
import { requireInterface } from "./interface.ts";
import type { TestRunOptions, TestRunResult } from "./kernel.ts";
import { movedAway, readLive, readPinned } from "./live.ts";
import { withLock } from "./lock.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { clearAll, sweep } from "./recovery.ts";
import { attachmentStatus, type AttachmentStatus } from "./status.ts";
import { attachmentDir, linkPin, removeTree } from "./store.ts";
import { swap, type SwapOptions, type SwapResult } from "./swap.ts";

export interface AttachOptions extends SwapOptions {
  /** Where to attach; default this machine. Tests give their own. */
  readonly machine?: Machine;
}

/**
 * A chain on an interface. It holds no fd between calls: each call reads the kernel anew, so it cannot be stale, and
 * disposing it leaves the chain running. What keeps the chain alive are its pins in bpffs.
 */
export interface Attachment extends AsyncDisposable {
  readonly device: string;
  readonly ifindex: number;
  /** What `attach` did; undefined for `open`. */
  readonly result: SwapResult | undefined;
  /** Regenerate and swap. Errors as of `attach`; then the old chain runs on. */
  update(chain: Chain, options?: SwapOptions): Promise<SwapResult>;
  /** @throws XdpgenError `not-attached` */
  status(): AttachmentStatus;
  /** Runs the live dispatcher on a frame, without the interface. @throws XdpgenError `not-attached` */
  testRun(options: TestRunOptions): Promise<TestRunResult>;
  detach(): Promise<DetachResult>;
}

/**
 * Makes `device` run `chain`: creates the attachment, or swaps the chain that is there in one atomic step. The chain runs on
 * when the process ends; its pins are in /sys/fs/bpf/xdpgen.
 *
 * @throws XdpgenError `environment` (privilege, libbpf, bpffs, mode), `interface-missing`, `interface-occupied`,
 *   `program-rejected`, `conflict`, `kernel`, and what `synthesise` and `resolveChain` throw. Nothing was changed then.
 */
export async function attach(chain: Chain, device: string, options: AttachOptions = {}): Promise<Attachment> {
  const machine =
    options.machine ?? thisMachine(`attach chain ${chain.name} to ${device}`, options.report ?? (() => {}));
  const result = await swap(machine, chain, device, options);
  return attachment(machine, device, result);
}

/**
 * The attachment that is on `device` already.
 * @throws XdpgenError `not-attached`, `interface-missing`, `environment`
 */
export async function open(device: string, options: AttachOptions = {}): Promise<Attachment> {
  const machine = options.machine ?? thisMachine(`open the chain on ${device}`, options.report ?? (() => {}));
  const handle = attachment(machine, device, undefined);
  handle.status();
  return handle;
}

function attachment(machine: Machine, device: string, result: SwapResult | undefined): Attachment {
  const { kernel } = machine;
  const ifindex = requireInterface(kernel, device);
  const dir = attachmentDir(machine, ifindex);
  return {
    device,
    ifindex,
    result,
    update: (chain, options) => swap(machine, chain, device, options),
    status: () => {
      const found = attachmentStatus(machine, ifindex);
      return found && !found.moved ? found : notAttached(device);
    },
    async testRun(options) {
      using live = readLive(kernel, dir, ifindex);
      if (!live || live.place.kind === "elsewhere") return notAttached(device);
      return await kernel.testRun(live.program.number, options);
    },
    detach: () => detach(device, { machine }),
    [Symbol.asyncDispose]: async () => {},
  };
}

function notAttached(device: string): never {
  throw new XdpgenError("not-attached", `xdpgen has nothing on ${device}: \`xdpgen apply\` attaches a chain`);
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
  const report = options.report ?? ((): void => {});
  const machine = options.machine ?? thisMachine(`detach the chain from ${device}`, report);
  const { kernel } = machine;
  const cleared = sweep(machine, report);
  if (cleared > 0 && kernel.interfaceIndex(device) === 0) return { detached: true };
  const ifindex = requireInterface(kernel, device);
  const dir = attachmentDir(machine, ifindex);
  try {
    const found = await withLock(kernel, dir, options.lockTimeout, async () => {
      const there = await detachLink(machine, dir, ifindex);
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
    throw explain(error, `detach the chain from ${device}`, device, "the next `xdpgen detach` clears what is left");
  }
}

/**
 * Removes the pins of attachments whose interface no longer exists. Returns how many there were in this network namespace.
 * @throws XdpgenError `environment`
 */
export function clearDefunct(options: AttachOptions = {}): number {
  const report = options.report ?? ((): void => {});
  return sweep(options.machine ?? thisMachine("clear what removed interfaces have left", report), report);
}

/** Whether there was a link to detach; a sentence where it is on another interface, and stays. */
async function detachLink(
  { kernel }: Machine,
  dir: string,
  ifindex: number,
): Promise<{ readonly detached: boolean; readonly elsewhere?: string }> {
  using pinned = readPinned(kernel, dir, ifindex);
  if (!pinned) return { detached: false };
  if (pinned.place.kind === "elsewhere") {
    const command = `\`bpftool link detach pinned ${publicPath(linkPin(dir))}\``;
    return { detached: false, elsewhere: `${movedAway(pinned, dir, ifindex)}: ${command} takes it off there` };
  }
  kernel.detachLink(pinned.link.number);
  // Packets that are still in the dispatcher must find its slots bound.
  await kernel.waitForPackets();
  return { detached: true };
}
