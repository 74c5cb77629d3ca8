/** One interface of a swap: what was found on it, and what it comes to run. */
import type { DispatcherImage } from "../../codegen/index.ts";
import { explain } from "../live/explain.ts";
import { highestOf } from "../live/history.ts";
import type { Wanted } from "../live/obstacle.ts";
import { type Predecessor, recover } from "../live/recovery.ts";
import { isOnlyOn } from "../live/sharing.ts";
import { openJournal, type Place, type ProgramKey } from "../live/store.ts";
import { isWhole } from "../live/trouble.ts";
import { type Images, imageThat } from "../load/fit.ts";
import type { LoadedPrograms } from "../load/loaded.ts";
import type { Owned } from "../load/owned.ts";
import type { VerifiedImage } from "../load/verified.ts";
import type { Machine } from "../machine/machine.ts";
import type { Committed, Hook } from "./commit.ts";
import { difference, isNone } from "./difference.ts";
import type { Steps } from "./events.ts";
import type { Candidate } from "./groups.ts";
import { heldBy } from "./held.ts";
import { replacedPrograms } from "./replacement.ts";

/** What a swap is about, for all of its parts. */
export interface Target extends Wanted {
  /** The attempt, for messages. */
  readonly what: string;
  readonly places: readonly Place[];
  /** The chain, with its programs that are loaded already. */
  readonly loaded: LoadedPrograms;
  readonly images: Images;
  readonly steps: Steps;
}

/** One interface of the swap, with what was found on it. */
export interface Member extends Place, Hook, Candidate {
  readonly before: Predecessor;
  /** The image that it runs already, with every slot bound. */
  readonly runs: DispatcherImage | undefined;
  /** The loaded program that is to take the place of another one there, where it is one. */
  readonly replaced: string | undefined;
}

/** What a member comes to run. */
export interface Next {
  readonly member: Member;
  readonly image: DispatcherImage;
  readonly generation: number;
  /** Its fd. */
  readonly dispatcher: number;
  /** Where it was loaded for this. */
  readonly verified?: VerifiedImage;
  /** The program whose slot gets another one, while the dispatcher runs on. */
  readonly replaced?: string;
  /** Programs of kept generations whose maps lost their pins to those of the dispatcher that is shared. */
  readonly displaced?: readonly ProgramKey[];
}

/** What a member runs now. */
export interface Done {
  readonly next: Next;
  readonly committed: Committed;
}

/** @throws XdpgenError where the interface cannot get the chain, whatever is built */
export function readMember(machine: Machine, place: Place, target: Target, resources: Owned): Member {
  const { kernel } = machine;
  const { device, dir } = place;
  const { places, images, loaded } = target;
  try {
    const before = resources.own(recover(kernel, place, target, target.steps.notice));
    const { pinned, identity } = before;
    const mode = pinned?.place.kind === "here" ? pinned.place.mode : undefined;
    const live = mode && pinned?.identity;
    const runs =
      live && isWhole(kernel, dir, live)
        ? imageThat(images, (manifest) => isNone(difference(live.manifest, manifest)))
        : undefined;
    const replaced = live && runs ? [...replacedPrograms(kernel, dir, live, loaded).keys()] : [];
    // Of several at once a packet could meet one old and one new: they take a new dispatcher.
    const inPlace = replaced.length === 1 && isOnlyOn(machine, places, pinned!.programInfo.id);
    return {
      ...place,
      before,
      pinned,
      mode,
      runs,
      replaced: replaced[0],
      journal: openJournal(kernel),
      // With one interface there is nobody to share with.
      held: identity && (places.length > 1 ? heldBy(kernel, dir, identity.manifest, before.dispatcher!) : device),
      chain: live && live.manifest.chain,
      generation: identity?.generation ?? 0,
      highest: highestOf(identity, before.kept),
      inherits: identity !== undefined,
      settled: runs !== undefined && replaced.length === 0,
      inPlace,
    };
  } catch (error) {
    throw explain(error, target.what, device);
  }
}

/** What a member runs that has its image already. */
export function running({ runs, generation, pinned }: Member): Omit<Next, "member"> {
  return { image: runs!, generation, dispatcher: pinned!.program.number };
}

/** Takes back what was pinned for it. */
export function takeBack({ journal }: Member, steps: Steps): void {
  for (const failure of journal.undo())
    steps.notice(`could not take a step back (${failure}); the next command clears it`);
}
