/** One interface of a swap: what was found on it, and what it comes to run. */
import type { DispatcherImage } from "../../codegen/index.ts";
import { explain } from "../live/explain.ts";
import { openJournal } from "../live/journal.ts";
import type { Wanted } from "../live/obstacle.ts";
import type { Place } from "../live/place.ts";
import { recover } from "../live/recovery.ts";
import type { ProgramKey } from "../live/store.ts";
import type { VerifiedImage } from "../load/verified.ts";
import type { Machine } from "../machine/machine.ts";
import type { Owned } from "../machine/owned.ts";
import type { Committed, Hook } from "./commit.ts";
import { type Attempt, type Standing, standingOf } from "./standing.ts";
import type { Steps } from "./steps.ts";

/** What a swap is about, for all of its parts. */
export interface Target extends Wanted, Attempt {
  /** The attempt, for messages. */
  readonly what: string;
  readonly steps: Steps;
}

/** One interface of the swap, with what was found on it. */
export interface Member extends Place, Hook, Standing {}

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
  try {
    const before = resources.own(recover(kernel, place, target, target.steps.notice));
    const standing = standingOf(machine, place, before, target);
    return { ...place, ...standing, pinned: before.pinned, journal: openJournal(kernel) };
  } catch (error) {
    throw explain(error, target.what, place.device);
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
