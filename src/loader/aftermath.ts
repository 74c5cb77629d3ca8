/** What comes after a commit: what the old generation has left is cleared, or everything is taken back. */
import { isLinked } from "../chain/chain.ts";
import { XdpgenError } from "../errors.ts";
import type { Steps } from "./events.ts";
import { explain } from "./explain.ts";
import type { Kernel } from "./kernel.ts";
import { movedAway } from "./live.ts";
import { type Done, type Member, type Next, takeBack, type Target } from "./member.ts";
import { clearLeftovers } from "./recovery.ts";

/** Takes everything back, the last step first. Returns the error to end with: it says what could not be put back. */
export async function undo(
  kernel: Kernel,
  members: readonly Member[],
  done: readonly Done[],
  cause: unknown,
  { what, steps }: Target,
): Promise<unknown> {
  const left: string[] = [];
  const interfaces = members.map(({ device }) => device);
  await steps.run({ step: "undo", interfaces }, async () => {
    const forward = new Set<Member>();
    for (const { next, committed } of done.toReversed()) {
      const { device } = next.member;
      try {
        left.push(...[committed.putBack() ?? []].flat());
      } catch (error) {
        // Packets meet it: its pins stay.
        forward.add(next.member);
        left.push(`${device} could not be put back from generation ${next.generation} (${(error as Error).message})`);
      }
    }
    // An unbound slot would say "no verdict" to a packet that is still in the dispatcher that goes.
    const failure = done.length > 0 ? await packetsLeft(kernel) : undefined;
    if (failure) steps.notice(`could not wait for packets in the dispatcher that goes (${failure.message})`);
    for (const member of members.toReversed()) if (!forward.has(member)) takeBack(member, steps);
  });
  if (left.length === 0) return cause;
  const explained = explain(cause, what, interfaces.join(", "), "not all could be put back");
  if (!(explained instanceof Error)) return explained;
  const code = explained instanceof XdpgenError ? explained.code : "conflict";
  return new XdpgenError(code, `${explained.message}\nNot all is as before: ${left.join("; ")}`, { cause });
}

/** The swap is done: what fails here is said, and left to the next command. */
export async function clear(kernel: Kernel, swapped: readonly Next[], steps: Steps): Promise<void> {
  const old = swapped.flatMap(({ member, replaced }) => (replaced === undefined ? (member.before.identity ?? []) : []));
  // An unbound slot would say "no verdict" to a packet that is still in the old dispatcher.
  const slots = old.some(({ manifest }) => manifest.programs.some(({ linkage }) => !isLinked(linkage)));
  const failure = slots ? await packetsLeft(kernel) : undefined;
  for (const { member, image, generation } of swapped) {
    const { pinned, dir, ifindex } = member;
    try {
      if (pinned?.place.kind === "elsewhere") {
        kernel.detachLink(pinned.link.number);
        steps.notice(`${movedAway(pinned, dir, ifindex)}: took it off there`);
      }
      if (failure) throw failure;
      clearLeftovers(dir, image.manifest, generation);
    } catch (error) {
      steps.notice(
        `generation ${generation} is live; the pins of the one before could not be removed (${(error as Error).message}); the next command tries again`,
      );
    }
  }
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
