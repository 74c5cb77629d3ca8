/**
 * The time in which a generation is live and its health command has not decided whether it stays. A mark says so meanwhile: where
 * xdpgen is killed in it, or nothing can be put back, whoever applies the chain again asks the command again.
 */
import { canRun, isUndecided, markDecided, markLive } from "../live/history.ts";
import { dispatcherPin, undecidedMark } from "../live/store.ts";
import type { Kernel } from "../machine/kernel.ts";
import { updateLink } from "./commit.ts";
import { failureOf } from "./failure.ts";
import { requireHealth, Unhealthy } from "./health.ts";
import type { Done, Member, Next, Target } from "./member.ts";
import { LostRace } from "./races.ts";

/** Before it is live. What runs already, and gets another program into a slot, is no other generation. */
export function markUndecided(nexts: readonly Next[]): void {
  for (const { member, generation, replaced } of nexts)
    if (replaced === undefined) member.journal.makeDir(undecidedMark(member.dir, generation));
}

/**
 * Of each interface that was swapped, one after the other.
 * @throws Unhealthy
 */
export async function requireHealthy(done: readonly Done[], target: Target): Promise<void> {
  const { loaded, steps } = target;
  if (!loaded.chain.health) return;
  // It may take minutes, in which a crash must leave what ran last: what it leaves unsaid the next command says, as long as the link
  // tells.
  for (const { next } of done) {
    const failure = failureOf(() => markLive(next.member.dir, next.generation));
    if (failure) steps.notice(`generation ${next.generation} is live, and could not be marked so (${failure.message})`);
  }
  for (const { next } of done) await ask(next, target);
  for (const { next } of done) decided(next, target);
}

/**
 * Asks for those that run the chain already and whose command never decided. Where it fails, they go back to the generation before,
 * in one step each, as they would have then.
 *
 * @throws XdpgenError `health-failed`; `aborted`, which leaves them as they are
 */
export async function requireDecided(kernel: Kernel, members: readonly Member[], target: Target): Promise<void> {
  const undecided = members.filter(({ settled, dir, generation }) => settled && isUndecided(dir, generation));
  const { steps } = target;
  for (const member of undecided) {
    const { device, generation } = member;
    steps.notice(`generation ${generation} of ${device} is live, and its health command never said that all is well`);
  }
  try {
    for (const member of undecided) await ask({ member, generation: member.generation }, target);
  } catch (error) {
    if (!(error instanceof Unhealthy)) throw error;
    if (steps.signal?.aborted) throw error.explained("it runs on");
    const interfaces = undecided.map(({ device }) => device);
    const now = await steps.run({ step: "undo", interfaces }, () =>
      undecided.map((member) => `${member.device}: ${goBack(kernel, member, steps)}`),
    );
    throw error.explained(now.join("; "));
  }
  for (const member of undecided) decided({ member, generation: member.generation }, target);
}

async function ask(
  { member: { device }, generation }: Pick<Next, "member" | "generation">,
  { loaded, steps }: Target,
): Promise<void> {
  const { name: chain, health } = loaded.chain;
  if (!health) return;
  const subject = { device, chain, generation };
  await steps.run({ step: "health", interfaces: [device] }, () => requireHealth(health, subject, steps));
}

function decided(
  { member: { dir, device }, generation }: Pick<Next, "member" | "generation">,
  { steps }: Target,
): void {
  const failure = failureOf(() => markDecided(dir, generation));
  if (failure) {
    steps.notice(
      `generation ${generation} of ${device} is healthy, and could not be marked so (${failure.message}): the next apply asks again`,
    );
  }
}

/** Says in a clause what the interface runs then. */
function goBack(kernel: Kernel, member: Member, { notice }: Target["steps"]): string {
  const { device, dir, generation, pinned, mode, before } = member;
  const earlier = before.kept.find(
    (one) => one.generation < generation && canRun(dir, one) && !isUndecided(dir, one.generation),
  );
  if (!earlier) return `generation ${generation} runs on, since none before it is kept (\`xdpgen detach ${device}\`)`;
  try {
    using dispatcher = kernel.openPin(dispatcherPin(dir, earlier.generation));
    updateLink(kernel, member, pinned!, mode!, dispatcher.number);
  } catch (error) {
    if (error instanceof LostRace) return "somebody else changed its link meanwhile";
    return `could not be put back from generation ${generation} (${(error as Error).message})`;
  }
  const failure = failureOf(() => markLive(dir, earlier.generation));
  if (failure) notice(`generation ${earlier.generation} is live, and could not be marked so (${failure.message})`);
  return `back to generation ${earlier.generation}`;
}
