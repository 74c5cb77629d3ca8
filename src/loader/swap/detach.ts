/** A chain taken off its interface, with all its pins; and the pins of interfaces that are gone. */
import { existsSync } from "node:fs";
import { explain, explaining } from "../live/explain.ts";
import { lastGeneration } from "../live/history.ts";
import { movedAway, type PinnedLink, readPinned } from "../live/live.ts";
import { readManifest } from "../live/manifest.ts";
import { removeTree } from "../live/pins.ts";
import type { Place } from "../live/place.ts";
import { clearAll, sweep } from "../live/recovery.ts";
import { linkPin } from "../live/store.ts";
import { linkTo } from "../live/whereabouts.ts";
import { publicPath } from "../machine/bpffs.ts";
import { type Interface, interfaceNow, NOTHING_CHANGED, requireInterface } from "../machine/interface.ts";
import type { Kernel } from "../machine/kernel.ts";
import { type Machine, readableMachine } from "../machine/machine.ts";
import { listen } from "./events.ts";
import { changeUnderLock, type ChangeOptions, machineFor, type WithMachine } from "./locked-change.ts";
import type { Steps } from "./steps.ts";

export type DetachOptions = ChangeOptions & WithMachine;

export interface DetachResult {
  /** False where there was nothing to detach. */
  readonly detached: boolean;
}

/**
 * Takes the chain off `device` and removes all its pins. Says so, and is no error, where there is none; a chain that went
 * to another network namespace with an interface that had the same index is left alone. What removed interfaces have left is
 * cleared first, whatever comes of the rest, unless it is cancelled before it begins.
 *
 * @throws XdpgenError `interface-missing`, `environment`, `conflict`, `aborted`, `kernel`
 */
export async function detach(device: string, options: DetachOptions = {}): Promise<DetachResult> {
  const what = `detach the chain from ${device}`;
  const looking = options.machine ?? readableMachine(what);
  // No bpffs is mounted to find out that there is nothing.
  if (
    !existsSync(looking.root) &&
    explaining(what, device, () => chainOn(looking.kernel, requireInterface(looking.kernel, device))) === undefined
  ) {
    using told = listen(options.events);
    told.notice(nothingOn(device));
    return { detached: false };
  }
  const machine = machineFor(what, options);
  const find = (): Interface => ({ device, ifindex: requireInterface(machine.kernel, device) });
  return detachFound(machine, device, find, options);
}

/** The same, of an interface that was looked up. */
export function detachFrom(machine: Machine, from: Interface, options: ChangeOptions): Promise<DetachResult> {
  const find = (cleared: number): Interface => {
    const after = cleared > 0 ? "what removed interfaces have left was cleared" : NOTHING_CHANGED;
    return interfaceNow(machine.kernel, from, after);
  };
  return detachFound(machine, from.device, find, options);
}

function detachFound(
  machine: Machine,
  called: string,
  find: (cleared: number) => Interface,
  options: ChangeOptions,
): Promise<DetachResult> {
  const critical = async (place: Place, steps: Steps): Promise<DetachResult> => {
    const { device, dir } = place;
    const interfaces = [device];
    const { detached, elsewhere } = await steps.run({ step: "commit", interfaces }, () => detachLink(machine, place));
    if (elsewhere === undefined) {
      await steps.run({ step: "clear", interfaces }, () => {
        clearAll(dir);
        removeTree(dir);
      });
    }
    steps.notice(detached ? `detached the chain from ${device}` : nothingOn(device));
    if (elsewhere !== undefined) steps.notice(elsewhere);
    return { detached };
  };
  const after = "the next `xdpgen detach` clears what is left";
  return changeUnderLock(machine, { what: `detach the chain from ${called}`, called, find, critical, after }, options);
}

const nothingOn = (device: string): string => `xdpgen has nothing on ${device}: ${NOTHING_CHANGED}`;

/**
 * Removes the pins of attachments whose interface no longer exists. Returns how many there were in this network namespace.
 * @throws XdpgenError `environment`, `kernel`
 */
export function clearDefunct(options: Pick<DetachOptions, "events" | "machine"> = {}): number {
  using told = listen(options.events);
  const what = "clear what removed interfaces have left";
  try {
    return sweep(options.machine ?? readableMachine(what), told.notice);
  } catch (error) {
    throw explain(error, what, "", "the next command clears the rest");
  }
}

/** Whether there was a chain to take off; a sentence where the link is on another interface, and stays. */
async function detachLink(
  machine: Machine,
  { dir, ifindex }: Place,
): Promise<{ readonly detached: boolean; readonly elsewhere?: string }> {
  const { kernel } = machine;
  using pinned = readPinned(kernel, dir, ifindex);
  const moved = pinned?.place.kind === "elsewhere";
  if (pinned && !moved) kernel.detachLink(pinned.link.number);
  // Whatever became of what is pinned here, packets may meet another chain.
  const other = pinned?.place.kind !== "here" && detachUnpinned(machine, ifindex, moved ? pinned : undefined);
  // Packets that are still in a dispatcher must find its slots bound.
  if (other || (pinned && !moved)) await kernel.waitForPackets();
  if (moved) {
    const command = `\`bpftool link detach pinned ${publicPath(linkPin(dir))}\``;
    return { detached: other, elsewhere: `${movedAway(pinned, dir, ifindex)}: ${command} takes it off there` };
  }
  return { detached: other || pinned !== undefined || lastGeneration(kernel, dir) !== undefined };
}

/**
 * Takes off a chain whose pins are out of reach, in another bpffs. Whether there was one.
 * @param not a link that stays: of an interface elsewhere, which may have the same index
 */
function detachUnpinned(machine: Machine, ifindex: number, not?: PinnedLink): boolean {
  const { kernel } = machine;
  const chain = chainOn(kernel, ifindex);
  if (chain === undefined) return false;
  using link = linkTo(machine, ifindex, chain, not && kernel.linkInfo(not.link.number).id);
  if (link) kernel.detachLink(link.number);
  return link !== undefined;
}

/** Id of the dispatcher of xdpgen that an interface runs. */
function chainOn(kernel: Kernel, ifindex: number): number | undefined {
  const hook = kernel.queryXdp(ifindex);
  return [hook.native, hook.generic].find((id) => id !== 0 && isDispatcher(kernel, id));
}

function isDispatcher(kernel: Kernel, id: number): boolean {
  using program = kernel.programById(id);
  return readManifest(kernel, kernel.programInfo(program.number)) !== undefined;
}
