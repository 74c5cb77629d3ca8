/** What comes after a commit: what the old generation has left is cleared, or everything is taken back. */
import { type Chain, isLinked } from "../../chain/chain.ts";
import { XdpgenError } from "../../errors.ts";
import { explain } from "../live/explain.ts";
import { keptBeside, markLive, markNew, stillKept } from "../live/history.ts";
import { movedAway } from "../live/live.ts";
import type { Identity } from "../live/manifest.ts";
import { clearLeftovers } from "../live/recovery.ts";
import { nameNow } from "../machine/interface.ts";
import type { Kernel } from "../machine/kernel.ts";
import { failureOf } from "./failure.ts";
import { type Outcome, Unhealthy } from "./health.ts";
import { type Done, type Member, takeBack, type Target } from "./member.ts";
import type { Steps } from "./steps.ts";

/**
 * Takes everything back, the last step first. Returns the error to end with: it says what could not be put back.
 * @param begun whether a commit was, even one that failed: then packets may have met the dispatcher that goes
 */
export async function undo(
  kernel: Kernel,
  members: readonly Member[],
  done: readonly Done[],
  begun: boolean,
  error: unknown,
  { what, steps }: Target,
): Promise<unknown> {
  const left: string[] = [];
  const outcomes: Outcome[] = [];
  const mark = (device: string, work: () => void): void => {
    const failure = failureOf(work);
    if (failure) steps.notice(`${device}: what ran last could not be marked so (${failure.message})`);
  };
  const interfaces = members.map(({ device }) => device);
  await steps.run({ step: "undo", interfaces }, async () => {
    const forward = new Set<Member>();
    for (const { next, committed } of done.toReversed()) {
      const { dir, before } = next.member;
      const device = nameNow(kernel, next.member);
      try {
        if (next.replaced === undefined) mark(device, () => markNew(dir, next.generation));
        const back = committed.putBack();
        if (before.identity) mark(device, () => markLive(dir, before.identity!.generation));
        outcomes.unshift({ device, now: back.now });
        if (back.left !== undefined) left.push(back.left);
      } catch (failure) {
        // Packets meet it: its pins stay.
        mark(device, () => markLive(dir, next.generation));
        forward.add(next.member);
        left.push(`${device} could not be put back from generation ${next.generation} (${(failure as Error).message})`);
      }
    }
    // An unbound slot would say "no verdict" to a packet that is still in the dispatcher that goes.
    const failure = begun ? await packetsLeft(kernel) : undefined;
    if (failure) steps.notice(`could not wait for packets in the dispatcher that goes (${failure.message})`);
    for (const member of members.toReversed()) if (!forward.has(member)) takeBack(member, steps);
  });
  const cause = error instanceof Unhealthy ? error.explained(outcomes) : error;
  if (left.length === 0) return cause;
  const explained = explain(cause, what, interfaces.join(", "), "not all could be put back");
  if (!(explained instanceof Error)) return explained;
  const code = explained instanceof XdpgenError ? explained.code : "conflict";
  return new XdpgenError(code, `${explained.message}\nNot all is as before: ${left.join("; ")}`, { cause });
}

/** What an interface has when all is committed. */
export interface Legacy {
  readonly member: Member;
  readonly live: Identity;
  /** The generations that are kept beside it. */
  readonly kept: readonly Identity[];
  /** Those that go. */
  readonly gone: readonly Identity[];
}

/** What the interfaces leave that were swapped, or whose chain keeps fewer generations than they have. */
export function legaciesOf(members: readonly Member[], done: readonly Done[], chain: Chain): readonly Legacy[] {
  return members.flatMap((member): readonly Legacy[] => {
    const { identity, kept } = member.before;
    const next = done.find((one) => one.next.member === member)?.next;
    if (!next || next.replaced !== undefined) {
      const stay = stillKept<Identity>(chain, member.dir, identity!, kept);
      const gone = kept.filter((generation) => !stay.includes(generation));
      return next || gone.length > 0 ? [{ member, live: identity!, kept: stay, gone }] : [];
    }
    const live = { manifest: next.image.manifest, generation: next.generation };
    const stay = keptBeside(chain, member.dir, identity, kept, next.displaced);
    const gone = [...(identity ? [identity] : []), ...kept].filter((generation) => !stay.includes(generation));
    return [{ member, live, kept: stay, gone }];
  });
}

/** The swap is done: what fails here is said, and left to the next command. */
export async function clear(kernel: Kernel, legacies: readonly Legacy[], steps: Steps): Promise<void> {
  const unfinished = new Map(legacies.map((legacy) => [legacy, failureOf(() => leaveBehind(kernel, legacy, steps))]));
  const waiting = legacies.some(isInUse) ? await packetsLeft(kernel) : undefined;
  for (const legacy of legacies) {
    const { member, live, kept } = legacy;
    const failure = unfinished.get(legacy) ?? waiting ?? failureOf(() => clearLeftovers(member.dir, [live, ...kept]));
    if (!failure) continue;
    steps.notice(
      `generation ${live.generation} is live; the pins of those before could not be removed (${failure.message}); the next command tries again`,
    );
  }
}

/**
 * Whether a packet may still need what goes. An unbound slot would say "no verdict" to one that is in an old dispatcher; so would a
 * map of programs that is pinned no more, since the kernel then empties it. Into what was kept without slots no packet has come
 * since an earlier command committed: for that nobody waits.
 */
function isInUse({ member: { before, pinned }, gone }: Legacy): boolean {
  const justRan = ({ generation }: Identity): boolean => generation === before.identity?.generation;
  const hasSlots = ({ manifest }: Identity): boolean => manifest.programs.some(({ linkage }) => !isLinked(linkage));
  return pinned?.unreadable !== undefined || gone.some((one) => justRan(one) || hasSlots(one));
}

/** From now on no packet enters what ran before, wherever that was. */
function leaveBehind(kernel: Kernel, { member: { pinned, dir, ifindex }, live }: Legacy, steps: Steps): void {
  markLive(dir, live.generation);
  if (pinned?.place.kind !== "elsewhere") return;
  kernel.detachLink(pinned.link.number);
  steps.notice(`${movedAway(pinned, dir, ifindex)}: took it off there`);
}

/** Waits for every packet that is in a program now. Returns what the kernel says where it cannot. */
async function packetsLeft(kernel: Kernel): Promise<Error | undefined> {
  try {
    await kernel.waitForPackets();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
