/**
 * Where a swap commits: one interface gets the dispatcher of the next generation, or the one that it has another loaded program,
 * in one call of the kernel. What was done can be taken back, for when the same fails on another interface.
 */
import type { Mode } from "../../chain/chain.ts";
import { XdpgenError } from "../../errors.ts";
import { explain } from "../live/explain.ts";
import { createLink, takeOver } from "../live/hook.ts";
import type { Journal } from "../live/journal.ts";
import type { PinnedLink } from "../live/live.ts";
import { linkPin } from "../live/store.ts";
import type { LoadedPrograms } from "../load/loaded.ts";
import { interfaceGone, NOTHING_CHANGED } from "../machine/interface.ts";
import { isErrno, type Kernel } from "../machine/kernel.ts";
import type { Machine } from "../machine/machine.ts";
import type { Owned } from "../machine/owned.ts";
import { LostRace } from "./races.ts";
import { replaceProgram } from "./replacement.ts";

/** One interface, as it was read under the lock. */
export interface Hook {
  readonly device: string;
  readonly ifindex: number;
  readonly dir: string;
  /** The link that is pinned for it. */
  readonly pinned: PinnedLink | undefined;
  /** Of that link, where it is on the interface; it is updated then. */
  readonly mode: Mode | undefined;
  readonly journal: Journal;
}

export interface CommitOptions {
  /** The attempt, for messages. */
  readonly what: string;
  /** For a first link. */
  readonly mode: Mode | "auto";
  readonly replace?: boolean;
  readonly loaded: LoadedPrograms;
  /** Holds what `putBack` needs; until it is disposed. */
  readonly resources: Owned;
}

export interface Committed {
  readonly mode: Mode;
  /** What a user should know, once all is done. */
  readonly said: readonly string[];
  /**
   * Puts the interface back: what it ran before runs again.
   * @throws what the kernel says, where the next generation goes on
   */
  readonly putBack: () => PutBack;
}

/** What became of an interface that was put back. */
export interface PutBack {
  /** In a clause. */
  readonly now: string;
  /** What is not as it was, in another. */
  readonly left?: string | undefined;
}

/** What an interface gets. */
export interface Commitment {
  readonly member: Hook;
  /** fd of a dispatcher, whole. */
  readonly dispatcher: number;
  readonly generation: number;
  /** The program whose slot gets another one; then the dispatcher is the one that runs. */
  readonly replaced?: string;
}

/** @throws LostRace, with nothing left of it; XdpgenError as `attach` */
export function commit(
  machine: Machine,
  { member, dispatcher, generation, replaced }: Commitment,
  options: CommitOptions,
): Committed {
  const { kernel } = machine;
  const { pinned, mode, dir } = member;
  if (!pinned || !mode) return newLink(machine, member, dispatcher, options);
  if (replaced === undefined) return updateLink(kernel, member, pinned, mode, dispatcher);
  // Here the kernel compares nothing: a slot can be filled of a dispatcher that no packet meets any more.
  if (!stillRuns(kernel, pinned)) throw new LostRace(member.device);
  const putBack = replaceProgram(kernel, dir, generation, options.loaded, replaced, options.resources);
  try {
    if (!stillRuns(kernel, pinned)) throw new LostRace(member.device);
  } catch (error) {
    const left = leftBy(replaced, putBack);
    throw left === undefined ? error : notAsBefore(error, options.what, member.device, left);
  }
  return { mode, said: [], putBack: () => ({ now: `back to the ${replaced} that was there`, left: putBack() }) };
}

/** What is not as it was when the slot was to be put back, in a clause. */
function leftBy(program: string, putBack: () => string | undefined): string | undefined {
  try {
    return putBack();
  } catch (error) {
    return `the slot of program ${program} could not be put back (${(error as Error).message})`;
  }
}

/** It does not begin again: each attempt after it would find that slot as this one left it, and say of it that nothing was changed. */
function notAsBefore(error: unknown, what: string, device: string, left: string): unknown {
  if (!(error instanceof LostRace)) return explain(error, what, device, left);
  const next = "look at what runs (`xdpgen status`), and apply again";
  return new XdpgenError("conflict", `cannot ${what}: ${error.message}; ${left}: ${next}`, { cause: error });
}

function stillRuns(kernel: Kernel, { link, programInfo }: PinnedLink): boolean {
  const { programId, ifindex } = kernel.linkInfo(link.number);
  return programId === programInfo.id && ifindex !== 0;
}

/**
 * From this call's return on, no packet enters the old dispatcher. It is the same where somebody put a program of their own
 * on our link, and takes that off without an instant between.
 *
 * @throws LostRace; XdpgenError `interface-missing`, `kernel`
 */
export function updateLink(
  kernel: Kernel,
  { device, ifindex }: Pick<Hook, "device" | "ifindex">,
  old: PinnedLink,
  mode: Mode,
  dispatcher: number,
): Committed {
  const { id, name } = old.programInfo;
  const before = old.identity ? `generation ${old.identity.generation}` : `program ${id} (${name})`;
  const link = old.link.number;
  try {
    kernel.updateLink(link, dispatcher, old.program.number);
  } catch (cause) {
    // net/core/dev.c, bpf_xdp_link_update: no interface any more, or not the program that was expected.
    if (isErrno(cause, "ENOLINK")) {
      throw kernel.interfaceName(ifindex) === undefined
        ? interfaceGone(device, cause)
        : new LostRace(device, { cause });
    }
    // Who may not update a link at all gets the same errno.
    if (isErrno(cause, "EPERM") && kernel.linkInfo(link).programId !== id) throw new LostRace(device, { cause });
    throw explain(cause, `swap the dispatcher of ${device}`, device);
  }
  return {
    mode,
    said: old.identity ? [] : [`took xdpgen's link on ${device} back from program ${id} (${name})`],
    putBack: () => {
      try {
        kernel.updateLink(link, old.program.number, dispatcher);
      } catch (error) {
        // Nothing of ours meets packets there any more.
        if (isErrno(error, "ENOLINK")) {
          const gone = kernel.interfaceName(ifindex) === undefined;
          return { now: gone ? "the interface went away meanwhile" : "somebody else detached its link meanwhile" };
        }
        if (!isErrno(error, "EPERM")) throw error;
        const { programId } = kernel.linkInfo(link);
        if (programId === kernel.programInfo(dispatcher).id) throw error;
        return { now: `program ${programId}, which somebody else put on its link meanwhile, runs there` };
      }
      return { now: `back to ${before}` };
    },
  };
}

/**
 * The first link, or one in place of `pinned`, which is defunct or on another interface. Until all is done that one is held
 * by its fd, so that a failure can pin it again.
 */
function newLink(machine: Machine, hook: Hook, dispatcher: number, options: CommitOptions): Committed {
  const { kernel } = machine;
  const { device, ifindex, dir, pinned, journal } = hook;
  const { what, mode, replace, resources } = options;
  const taken = replace ? resources.own(takeOver(machine, device, ifindex)) : undefined;
  const said: string[] = [];
  if (pinned?.place.kind === "nowhere") {
    const why = "its interface was removed or its link detached by somebody else";
    said.push(`the attachment of ${device} was defunct, since ${why}: attached anew`);
  }
  try {
    const created = createLink(kernel, dispatcher, device, ifindex, mode, (line) => said.push(line), taken?.restore);
    // Until it is pinned the link lives by its fd: a crash here detaches it.
    const link = resources.own(created.link);
    try {
      if (pinned) journal.unpin(pinned.link.number, linkPin(dir));
      journal.pin(link.number, linkPin(dir));
    } catch (error) {
      link.close();
      throw error;
    }
    const putBack = (): PutBack => {
      kernel.detachLink(link.number);
      if (!taken) {
        const why = pinned ? "the attachment was defunct before" : "no chain ran before";
        return { now: `detached, since ${why}` };
      }
      const left = taken.restore();
      return left === NOTHING_CHANGED ? { now: "back to what was there" } : { now: "detached", left };
    };
    return { mode: created.mode, said: [...said, ...(taken?.said ?? [])], putBack };
  } catch (error) {
    const after = taken?.restore();
    throw explain(error, what, device, after);
  }
}
