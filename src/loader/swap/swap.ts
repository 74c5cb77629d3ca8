/**
 * The transaction: interfaces go from what they run to a declared chain, whole or not at all.
 *
 *     synthesise -> lock -> read what runs, clear leftovers -> nothing to do? -> load and bind the next generation whole
 *                -> run the chain's checks -> commit: one bpf_link_update for each interface, which names the program that it
 *                   expects, or another loaded program into a slot -> run the chain's health command -> clear what nothing
 *                   uses any more
 *
 * Interfaces that share their maps, or that have none yet, share a dispatcher (`groups.ts`). A failure before the commit takes
 * back what was pinned and changes nothing; one in it, or of health, also puts back the interfaces before. A crash at any
 * instant leaves each interface with the old or the new generation whole; the next command clears the rest.
 */
import type { Chain, Linkage, Mode } from "../../chain/chain.ts";
import type { DispatcherImage } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { explain } from "../live/explain.ts";
import { disown } from "../live/history.ts";
import { requireOneSource } from "../live/one-map.ts";
import type { Place } from "../live/place.ts";
import { sweep } from "../live/recovery.ts";
import { imagesOf } from "../load/fit.ts";
import { openLoaded } from "../load/loaded.ts";
import { resolveChain } from "../load/source.ts";
import type { VerifiedImage } from "../load/verified.ts";
import type { Machine } from "../machine/machine.ts";
import { owned } from "../machine/owned.ts";
import { clear, legaciesOf, undo } from "./aftermath.ts";
import { commit } from "./commit.ts";
import type { SwapListener } from "./events.ts";
import { groupsOf } from "./groups.ts";
import { type Done, type Next, readMember, running, type Target } from "./member.ts";
import { nextOf } from "./next.ts";
import { untilWon } from "./races.ts";
import { sourceOf } from "./standing.ts";
import { explainAborted, openSteps } from "./steps.ts";
import { markUndecided, requireDecided, requireHealthy, undecidedOf } from "./trial.ts";
import { inOrder, underLocks } from "./under-lock.ts";

export interface SwapOptions {
  /** Overrides the chain's mode. */
  readonly mode?: Mode | "auto";
  /** Overrides the chain's linkage; a program's own stays. */
  readonly linkage?: Linkage | "auto";
  /** Take the interface over from a program that is not xdpgen's. */
  readonly replace?: boolean;
  /** Milliseconds to wait for another writer of an interface; default 10000. */
  readonly lockTimeout?: number;
  /** Told what happens, as it happens. */
  readonly events?: SwapListener;
  /**
   * Cancels the swap until it commits, also while it waits for the lock, and where the chain has a health command until that has
   * ended; never after.
   */
  readonly signal?: AbortSignal;
}

export interface SwapResult {
  readonly interface: string;
  /** `replaced`: the dispatcher runs on, and one of its slots holds another loaded program. */
  readonly outcome: "created" | "swapped" | "replaced" | "unchanged";
  readonly generation: number;
  readonly mode: Mode;
  readonly image: DispatcherImage;
  /**
   * What the verifier said of what was loaded: the dispatcher, and extensions that did not run already. Undefined where nothing
   * was. The kernel keeps a part of it (`status`); the rest is said once.
   */
  readonly verified?: VerifiedImage;
}

/** Makes interfaces run `chain`, all or none. One result for each, in their order. See `attach` for the errors. */
export async function swap(
  machine: Machine,
  chain: Chain,
  places: readonly Place[],
  options: SwapOptions = {},
): Promise<readonly SwapResult[]> {
  const { kernel } = machine;
  if (places.length === 0) throw new XdpgenError("usage", `attach chain ${chain.name} to which interface? Name one`);
  const names = places.map(({ device }) => device);
  const what = `attach chain ${chain.name} to ${names.join(", ")}`;
  using steps = openSteps(what, options);
  const declared = { ...chain, mode: options.mode ?? chain.mode, linkage: options.linkage ?? chain.linkage };
  using held = owned();
  try {
    const { loaded, images } = await steps.run({ step: "synthesise", interfaces: names }, async () => {
      const complete = held.own(openLoaded(kernel, await resolveChain(declared)));
      return { loaded: complete, images: imagesOf(kernel, complete.chain) };
    });
    const { mode } = declared;
    const target = { what, places: inOrder(places), loaded, images, mode, replace: options.replace === true, steps };
    sweep(machine, steps.notice);
    const results = await underLocks(machine, target.places, options.lockTimeout, steps, () =>
      untilWon("swap", steps, () => exchange(machine, target)),
    );
    return names.map((name) => results.find((result) => result.interface === name)!);
  } catch (error) {
    throw explain(explainAborted(error, what, steps.signal), what, names.join(", "));
  }
}

async function exchange(machine: Machine, target: Target): Promise<readonly SwapResult[]> {
  const { kernel } = machine;
  const { steps, places, loaded } = target;
  // Old links are held until the end: a failure puts them back.
  using resources = owned();
  const interfaces = places.map(({ device }) => device);
  const members = await steps.run({ step: "read", interfaces }, () =>
    places.map((place) => readMember(machine, place, target, resources)),
  );
  const undecided = undecidedOf(members);
  if (members.every(({ settled }) => settled)) await requireDecided(kernel, undecided, target);
  const done: Done[] = [];
  let begun = false;
  try {
    const nexts: Next[] = [];
    const groups = groupsOf(members, loaded.chain.name);
    const sources = groups.flatMap(sourceOf);
    requireOneSource(kernel, sources, target.images.preferred.manifest);
    for (const group of groups) nexts.push(...(await nextOf(kernel, group, sources, target, resources)));
    nexts.forEach(disownLater);
    if (loaded.chain.health) markUndecided(nexts);
    for (const next of inOrderOf(nexts)) {
      const { device } = next.member;
      const committed = await steps.run({ step: "commit", interfaces: [device] }, () => {
        begun = true;
        return commit(machine, next, { ...target, resources });
      });
      done.push({ next, committed });
    }
    await requireHealthy(kernel, done, undecided, target);
  } catch (error) {
    throw await undo(kernel, members, done, begun, error, target);
  }
  for (const { committed } of done) committed.said.forEach(steps.notice);
  const legacies = legaciesOf(members, done, loaded.chain);
  if (legacies.length > 0) {
    const work = { step: "clear", interfaces: legacies.map(({ member }) => member.device) } as const;
    await steps.run(work, () => clear(kernel, legacies, steps));
  }
  return members.map((member): SwapResult => {
    const of = done.find(({ next }) => next.member === member);
    const { device, mode } = member;
    if (!of) return { interface: device, outcome: "unchanged", mode: mode!, ...resultOf(running(member)) };
    const outcome = of.next.replaced !== undefined ? "replaced" : mode ? "swapped" : "created";
    return { interface: device, outcome, mode: of.committed.mode, ...resultOf(of.next) };
  });
}

/** What came after that which runs was rolled back, and goes with this swap. */
function disownLater({ member: { dir, journal, before }, replaced }: Next): void {
  const { identity, kept } = before;
  if (replaced !== undefined || !identity) return;
  disown(
    journal,
    dir,
    kept.filter(({ generation }) => generation > identity.generation),
  );
}

const resultOf = ({
  generation,
  image,
  verified,
}: Omit<Next, "member">): Pick<SwapResult, "generation" | "image" | "verified"> => ({
  generation,
  image,
  ...(verified && { verified }),
});

const inOrderOf = (nexts: readonly Next[]): readonly Next[] =>
  nexts.toSorted((a, b) => a.member.ifindex - b.member.ifindex);
