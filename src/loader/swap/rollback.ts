/**
 * Back to a generation that is kept: one bpf_link_update to its dispatcher, which is loaded and has its slots bound. Nothing
 * is loaded, verified or made, and nothing removed but what a crash has left: the generation that ran is kept in its place.
 */
import { existsSync, mkdirSync } from "node:fs";
import type { Mode } from "../../chain/chain.ts";
import type { Manifest } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { type Kept, keptGenerations, markLive, unboundIn } from "../live/history.ts";
import { foreignOnLink, movedAway, notAttached, type PinnedLink, readPinned } from "../live/live.ts";
import type { Identity } from "../live/manifest.ts";
import { MAKE_ROOM, requireLinkPin } from "../live/obstacle.ts";
import type { Place } from "../live/place.ts";
import { clearLeftovers, pinAgain, takeBackAside } from "../live/recovery.ts";
import { dispatcherPin, generationDir, listGenerations, newMark, slotPin } from "../live/store.ts";
import { publicPath } from "../machine/bpffs.ts";
import { type Interface, requireInterface } from "../machine/interface.ts";
import type { Kernel } from "../machine/kernel.ts";
import { type Machine, readableMachine } from "../machine/machine.ts";
import { updateLink } from "./commit.ts";
import { changeUnderLock, type ChangeOptions, machineFor, type WithMachine } from "./locked-change.ts";
import { untilWon } from "./races.ts";
import type { Steps } from "./steps.ts";

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
 *   `interface-missing`, `interface-occupied`, `environment`, `conflict`, `aborted`, `kernel`. Nothing was changed then.
 */
export async function rollback(device: string, options: RollbackOptions = {}): Promise<RollbackResult> {
  const what = `roll ${device} back`;
  const looking = options.machine ?? readableMachine(what);
  const at = { device, ifindex: requireInterface(looking.kernel, device) };
  // Nothing is kept then, and no bpffs is mounted to find that out.
  if (!existsSync(looking.root)) throw notAttached(device);
  return rollBackOn(machineFor(what, options), at, options);
}

/** The same, of an interface that was looked up. */
export function rollBackOn(
  machine: Machine,
  at: Interface,
  options: Omit<RollbackOptions, "machine">,
): Promise<RollbackResult> {
  const critical = (place: Place, steps: Steps): Promise<RollbackResult> =>
    untilWon("rollback", steps, () => exchange(machine.kernel, place, options.to, steps));
  const what = `roll ${at.device} back`;
  return changeUnderLock(machine, { what, called: at.device, find: () => at, critical }, options);
}

async function exchange(kernel: Kernel, place: Place, to: number | undefined, steps: Steps): Promise<RollbackResult> {
  const { device, dir } = place;
  const interfaces = [device];
  using pinned = await steps.run({ step: "read", interfaces }, () => readPinned(kernel, dir, place.ifindex));
  requireLinkPin(kernel, dir, pinned);
  if (!pinned) throw notAttached(device);
  pinAgain(kernel, dir, pinned, steps.notice);
  const { live, mode } = requireRunning(pinned, place);
  takeBackAside(kernel, dir, pinned);
  const kept = keptGenerations(kernel, dir, live.generation);
  markLive(dir, live.generation);
  clearUnfinished(dir, [live, ...kept], steps.notice);
  const target = choose(device, live, kept, to);
  if (target !== live) {
    requireWhole(kernel, dir, device, target);
    // It is kept from now on.
    const pin = dispatcherPin(dir, live.generation);
    if (!existsSync(pin)) {
      mkdirSync(generationDir(dir, live.generation), { recursive: true, mode: 0o700 });
      kernel.pin(pinned.program.number, pin);
    }
    await steps.run({ step: "commit", interfaces }, () => {
      using dispatcher = kernel.openPin(dispatcherPin(dir, target.generation));
      updateLink(kernel, place, pinned, mode, dispatcher.number);
    });
  }
  await steps.run({ step: "clear", interfaces }, () => mark(dir, target.generation, steps.notice));
  const { generation, manifest } = target;
  return { from: live.generation, generation, mode, manifest };
}

/** @throws XdpgenError `interface-occupied` or `not-attached` where no chain of xdpgen is on the interface */
function requireRunning(
  pinned: PinnedLink,
  { device, ifindex, dir }: Place,
): { readonly live: Identity; readonly mode: Mode } {
  const { place, identity } = pinned;
  if (place.kind === "elsewhere") {
    const what = movedAway(pinned, dir, ifindex);
    throw new XdpgenError("interface-occupied", `${what}: ${MAKE_ROOM}; so does \`xdpgen rollback\` there`);
  }
  if (place.kind === "nowhere") {
    throw new XdpgenError(
      "not-attached",
      `the attachment of ${device} is defunct: its interface was removed or its link detached by somebody else; ` +
        "`xdpgen apply` attaches a chain anew",
    );
  }
  if (!identity) throw foreignOnLink(pinned, dir);
  return { live: identity, mode: place.mode };
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
function requireWhole(kernel: Kernel, dir: string, device: string, target: Identity): void {
  const { generation } = target;
  const gone = unboundIn(dir, target, kernel);
  if (gone.length === 0) return;
  const pins = gone.map((name) => publicPath(slotPin(dir, generation, name)));
  throw new XdpgenError(
    "not-kept",
    `generation ${generation} of ${device} is not whole any more: somebody removed ${pins.join(", ")}, which bound ` +
      `${gone.join(", ")}; nothing was changed: \`xdpgen apply\` makes a new generation of its chain`,
  );
}

/**
 * What an apply that was killed has left is cleared here too; but where a generation has run that cannot be read, nobody can say what
 * it uses. What fails is said, and left to the next command.
 */
function clearUnfinished(dir: string, stay: readonly Identity[], notice: Steps["notice"]): void {
  const ran = listGenerations(dir).filter((generation) => !existsSync(newMark(dir, generation)));
  if (ran.some((generation) => stay.every((one) => one.generation !== generation))) return;
  try {
    clearLeftovers(dir, stay);
  } catch (error) {
    notice(`could not clear what a crash has left (${(error as Error).message}); the next command tries again`);
  }
}

/** The rollback is done: what fails here is said, and left to the next command. */
function mark(dir: string, generation: number, notice: Steps["notice"]): void {
  try {
    markLive(dir, generation);
  } catch (error) {
    notice(
      `generation ${generation} is live, and could not be marked so (${(error as Error).message}); the next command tries again`,
    );
  }
}
