/**
 * The time in which a generation is live and its health command has not decided whether it stays. A mark says so meanwhile: where
 * xdpgen is killed in it, or nothing can be put back, whoever applies the chain again asks the command again. Where the chain has no
 * command any more, that decides.
 */
import { XdpgenError } from "../../errors.ts";
import { canRun, isUndecided, markDecided, markLive } from "../live/history.ts";
import { dispatcherPin, undecidedMark } from "../live/store.ts";
import { nameNow } from "../machine/interface.ts";
import type { Kernel } from "../machine/kernel.ts";
import { updateLink } from "./commit.ts";
import { failureOf } from "./failure.ts";
import { type Outcome, requireHealth, Unhealthy } from "./health.ts";
import type { Done, Member, Next, Target } from "./member.ts";
import { LostRace } from "./races.ts";

/** Before it is live; or, where it runs already, before a slot of it gets another program: nobody has asked of it with that. */
export function markUndecided(nexts: readonly Next[]): void {
  for (const { member, generation } of nexts) member.journal.makeDir(undecidedMark(member.dir, generation));
}

/** Those that run the chain already, and whose command never decided. */
export const undecidedOf = (members: readonly Member[]): readonly Member[] =>
  members.filter(({ settled, dir, generation }) => settled && isUndecided(dir, generation));

/**
 * Of each interface that was swapped, one after the other, and then of those that ran the chain before and are undecided: all have it
 * now.
 * @throws Unhealthy; then the undecided ones have gone back
 */
export async function requireHealthy(
  kernel: Kernel,
  done: readonly Done[],
  undecided: readonly Member[],
  target: Target,
): Promise<void> {
  const { loaded, steps } = target;
  if (done.length === 0) return;
  const all = [...done.map(({ next }) => next), ...undecided.map(asked)];
  if (!loaded.chain.health) {
    for (const one of all) decided(one, target);
    return;
  }
  // It may take minutes, in which a crash must leave what ran last: what it leaves unsaid the next command says, as long as the link
  // tells.
  for (const { next } of done) {
    const failure = failureOf(() => markLive(next.member.dir, next.generation));
    if (failure) steps.notice(`generation ${next.generation} is live, and could not be marked so (${failure.message})`);
  }
  try {
    for (const one of all) await ask(kernel, one, target);
  } catch (error) {
    if (!(error instanceof Unhealthy)) throw error;
    throw error.after(await outcomesFor(kernel, undecided, target));
  }
  for (const one of all) decided(one, target);
}

/**
 * Asks where nothing else is to be done. Where the command fails, they go back to the generation before, in one step each, as they would
 * have then.
 *
 * @throws XdpgenError `health-failed`; `aborted`, which leaves them as they are
 */
export async function requireDecided(kernel: Kernel, undecided: readonly Member[], target: Target): Promise<void> {
  const { loaded, steps } = target;
  if (loaded.chain.health) {
    for (const { device, generation } of undecided)
      steps.notice(`generation ${generation} of ${device} is live, and its health command never said that all is well`);
  }
  try {
    for (const member of undecided) await ask(kernel, asked(member), target);
  } catch (error) {
    if (!(error instanceof Unhealthy)) throw error;
    throw error.explained(await outcomesFor(kernel, undecided, target));
  }
  for (const member of undecided) decided(asked(member), target);
}

type Asked = Pick<Next, "member" | "generation">;
const asked = (member: Member): Asked => ({ member, generation: member.generation });

/** What becomes of those that are undecided when the command has failed. Where it was cancelled nobody knows whether it would have. */
async function outcomesFor(kernel: Kernel, members: readonly Member[], { steps }: Target): Promise<readonly Outcome[]> {
  if (members.length === 0) return [];
  const of = (member: Member, now: string): Outcome => ({ device: nameNow(kernel, member), now });
  if (steps.signal?.aborted) return members.map((member) => of(member, "it runs on"));
  const interfaces = members.map(({ device }) => device);
  // Not cancelled: nothing stays half done.
  return steps.run({ step: "undo", interfaces }, () =>
    members.map((member) => of(member, goBack(kernel, member, steps))),
  );
}

async function ask(kernel: Kernel, { member, generation }: Asked, { loaded, steps }: Target): Promise<void> {
  const { name: chain, health } = loaded.chain;
  if (!health) return;
  await steps.run({ step: "health", interfaces: [member.device] }, () =>
    requireHealth(health, { chain, generation }, () => nameNow(kernel, member), steps),
  );
}

function decided({ member: { dir, device }, generation }: Asked, { loaded, steps }: Target): void {
  const failure = failureOf(() => markDecided(dir, generation));
  if (!failure) return;
  const [is, then] = loaded.chain.health
    ? ["is healthy", "asks again"]
    : ["has no health command any more", "tries again"];
  steps.notice(
    `generation ${generation} of ${device} ${is}, and could not be marked so (${failure.message}): the next apply ${then}`,
  );
}

/** Says in a clause what the interface runs then. */
function goBack(kernel: Kernel, member: Member, { notice }: Target["steps"]): string {
  const { dir, generation, pinned, mode, before } = member;
  const device = nameNow(kernel, member);
  const earlier = before.kept.find(
    (one) => one.generation < generation && canRun(dir, one, kernel) && !isUndecided(dir, one.generation),
  );
  if (!earlier) {
    const why = "since none before it is kept that was healthy and is whole";
    return `generation ${generation} runs on, ${why} (\`xdpgen detach ${device}\` takes it off)`;
  }
  try {
    using dispatcher = kernel.openPin(dispatcherPin(dir, earlier.generation));
    updateLink(kernel, { ...member, device }, pinned!, mode!, dispatcher.number);
  } catch (error) {
    if (error instanceof LostRace) return "somebody else changed its link meanwhile";
    if (error instanceof XdpgenError && error.code === "interface-missing") return "the interface went away meanwhile";
    return `could not be put back from generation ${generation} (${(error as Error).message})`;
  }
  const failure = failureOf(() => markLive(dir, earlier.generation));
  if (failure) notice(`generation ${earlier.generation} is live, and could not be marked so (${failure.message})`);
  return `back to generation ${earlier.generation}`;
}
