/**
 * Back to a generation that is kept: one bpf_link_update to its dispatcher, which is loaded and has its slots bound. Nothing
 * is loaded, verified, made or removed, so the generation that ran is kept in its place.
 */
import type { Mode } from "../../chain/chain.ts";
import type { Manifest } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { type Kept, keptGenerations, markLive, unboundIn } from "../live/history.ts";
import { foreignOnLink, type Identity, movedAway, notAttached, type PinnedLink, readPinned } from "../live/live.ts";
import { pinAgain } from "../live/recovery.ts";
import { dispatcherPin, type Place, removeIfEmpty, slotPin } from "../live/store.ts";
import { publicPath } from "../machine/bpffs.ts";
import { type Interface, requireInterface } from "../machine/interface.ts";
import type { Kernel } from "../machine/kernel.ts";
import type { Machine } from "../machine/machine.ts";
import { LostRace, updateLink } from "./commit.ts";
import { changeUnderLock, type ChangeOptions, machineFor, type WithMachine } from "./locked-change.ts";

export interface RollbackOptions extends ChangeOptions, WithMachine {
  /** The generation to run; default the newest that is kept and older than the one that runs. A newer one is allowed. */
  readonly to?: number;
}

export interface RollbackResult {
  /** The generation that ran before; it is kept. */
  readonly from: number;
  /** The one that runs now. */
  readonly generation: number;
  readonly mode: Mode;
  readonly manifest: Manifest;
}

/**
 * Makes `device` run a generation that is kept. Contents of maps are not rolled back: the programs have the maps that they
 * had, with what has been written since.
 *
 * @throws XdpgenError `not-attached`, `not-kept` where there is no such generation or it is not whole any more,
 *   `interface-missing`, `interface-occupied`, `environment`, `conflict`. Nothing was changed then.
 */
export async function rollback(device: string, options: RollbackOptions = {}): Promise<RollbackResult> {
  const machine = machineFor(`roll ${device} back`, options);
  return rollBackOn(machine, { device, ifindex: requireInterface(machine.kernel, device) }, options);
}

/** The same, of an interface that was looked up. */
export function rollBackOn(machine: Machine, at: Interface, options: RollbackOptions): Promise<RollbackResult> {
  const { kernel } = machine;
  const critical = async (place: Place, report: (message: string) => void): Promise<RollbackResult> => {
    const { device, ifindex, dir } = place;
    using pinned = readPinned(kernel, dir, ifindex);
    if (pinned) pinAgain(kernel, dir, pinned, report);
    if (pinned) return exchange(kernel, place, pinned, options.to, report);
    // The lock made the folder.
    removeIfEmpty(dir);
    throw notAttached(device);
  };
  const what = `roll ${at.device} back`;
  return changeUnderLock(machine, { what, called: at.device, find: () => at, critical }, options);
}

function exchange(
  kernel: Kernel,
  at: Place,
  pinned: PinnedLink,
  to: number | undefined,
  report: (message: string) => void,
): RollbackResult {
  const { device, ifindex, dir } = at;
  const { place, identity } = pinned;
  if (place.kind === "elsewhere") {
    const what = movedAway(pinned, dir, ifindex);
    const next = "`xdpgen apply --replace` takes it off there and attaches a chain here";
    throw new XdpgenError("interface-occupied", `${what}: ${next}`);
  }
  if (place.kind === "nowhere") {
    throw new XdpgenError(
      "not-attached",
      `the attachment of ${device} is defunct: its interface was removed or its link detached by somebody else; ` +
        "`xdpgen apply` attaches a chain anew",
    );
  }
  if (!identity) throw foreignOnLink(pinned, dir);
  const target = choose(device, identity, keptGenerations(kernel, dir, identity.generation), to);
  markLive(dir, identity.generation);
  if (target !== identity) {
    requireWhole(dir, device, target);
    using dispatcher = kernel.openPin(dispatcherPin(dir, target.generation));
    change(kernel, at, pinned, place.mode, dispatcher.number);
    mark(dir, target.generation, report);
  }
  const { generation, manifest } = target;
  return { from: identity.generation, generation, mode: place.mode, manifest };
}

function choose(device: string, live: Identity, kept: readonly Kept[], to: number | undefined): Identity {
  if (to === live.generation) return live;
  const found = kept.find(({ generation }) => (to === undefined ? generation < live.generation : generation === to));
  if (found) return found;
  const running = `${device} runs generation ${live.generation}`;
  const numbers = kept.map(({ generation }) => generation).toReversed();
  const wanted = to === undefined ? "none before it is kept" : `generation ${to} is not kept`;
  const next =
    numbers.length > 0
      ? `kept ${numbers.length === 1 ? "is" : "are"} ${numbers.join(", ")}: choose with --to`
      : "no other is: `history: N` in chain.yaml says how many the next swaps keep";
  throw new XdpgenError("not-kept", `${running}, and ${wanted}; ${next}`);
}

/** An unbound slot says "no verdict of mine": the chain would run, without that program. */
function requireWhole(dir: string, device: string, target: Identity): void {
  const { generation } = target;
  const gone = unboundIn(dir, target);
  if (gone.length === 0) return;
  const pins = gone.map((name) => publicPath(slotPin(dir, generation, name)));
  throw new XdpgenError(
    "not-kept",
    `generation ${generation} of ${device} is not whole any more: somebody removed ${pins.join(", ")}, which bound ` +
      `${gone.join(", ")}; nothing was changed: \`xdpgen apply\` makes a new generation of its chain`,
  );
}

function change(kernel: Kernel, at: Place, pinned: PinnedLink, mode: Mode, dispatcher: number): void {
  try {
    updateLink(kernel, at, pinned, mode, dispatcher);
  } catch (error) {
    if (!(error instanceof LostRace)) throw error;
    throw new XdpgenError(
      "conflict",
      `${at.device}: another process replaced or detached the dispatcher (program ${pinned.programInfo.id}) in the middle of ` +
        "this rollback, without the lock; nothing was changed here: look at `xdpgen status` and try again",
      { cause: error.cause },
    );
  }
}

/** The rollback is done: what fails here is said, and left to the next command. */
function mark(dir: string, generation: number, report: (message: string) => void): void {
  try {
    markLive(dir, generation);
  } catch (error) {
    report(
      `generation ${generation} is live, and could not be marked so (${(error as Error).message}); the next command tries again`,
    );
  }
}
