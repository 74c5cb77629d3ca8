/**
 * What the interfaces of a group come to run: the dispatcher that some of them run already, or one that is built for all of
 * them, whole and checked. No packet meets it yet.
 */
import type { DispatcherImage } from "../../codegen/index.ts";
import { setAside } from "../live/aside.ts";
import { pastOf } from "../live/history.ts";
import type { MapSource } from "../live/one-map.ts";
import type { ProgramKey } from "../live/store.ts";
import { pinDeclared } from "../live/user-pin.ts";
import { firstThatFits } from "../load/fit.ts";
import type { Kernel } from "../machine/kernel.ts";
import type { Owned } from "../machine/owned.ts";
import { requireChecks, requireChecksOfCopy } from "../run/checks.ts";
import { buildGeneration, shareGeneration } from "./generation.ts";
import { type Course, courseOf } from "./groups.ts";
import { type Member, type Next, running, takeBack, type Target } from "./member.ts";
import { LostRace } from "./races.ts";
import type { Steps } from "./steps.ts";

/**
 * What the members of a group come to run that do not run it already: the dispatcher of those that do, or one more.
 * @param sources those of all groups
 */
export async function nextOf(
  kernel: Kernel,
  group: readonly Member[],
  sources: readonly MapSource[],
  target: Target,
  resources: Owned,
): Promise<readonly Next[]> {
  const course = courseOf(group);
  switch (course?.kind) {
    case undefined:
      return [];
    case "replace":
      return replace(kernel, course.change, target);
    case "join":
      return join(kernel, course, target, resources);
    case "build":
      return build(kernel, course, sources, target, resources);
  }
}

/** Their dispatchers run on. */
async function replace(kernel: Kernel, change: readonly Member[], target: Target): Promise<readonly Next[]> {
  await checkCopy(kernel, change[0]!, change, target);
  return change.map((member) => ({ member, ...running(member), replaced: [...member.replaced.keys()][0]! }));
}

async function join(
  kernel: Kernel,
  { change, first }: CourseOf<"join">,
  target: Target,
  resources: Owned,
): Promise<readonly Next[]> {
  await checkCopy(kernel, first, change, target);
  makeRoom(change);
  const { image, generation, dispatcher } = running(first);
  const displaced = await share(kernel, first, change, image, generation, target.steps, resources);
  return change.map((member) => ({ member, image, generation, dispatcher, displaced: displaced.get(member) ?? [] }));
}

/** @param runs whose dispatcher runs already what `change` are to run, but for a loaded program */
function checkCopy(kernel: Kernel, runs: Member, change: readonly Member[], target: Target): Promise<void> {
  const { loaded, what } = target;
  const { image } = running(runs);
  const past = pastOf({ ...runs.before, kept: [] });
  return requireChecksOfCopy(kernel, loaded, image, runs.dir, past, what, eachCheck(change, target));
}

type CourseOf<K> = Extract<Course<Member>, { readonly kind: K }>;

/** Beside what cannot be read and is replaced. */
function makeRoom(change: readonly Member[]): void {
  for (const { dir, journal, pinned } of change) if (pinned?.unreadable !== undefined) setAside(dir, journal);
}

function eachCheck(members: readonly Member[], { steps }: Target): Parameters<typeof requireChecks>[5] {
  const interfaces = members.map(({ device }) => device);
  return (of, check) => steps.run({ step: "check", interfaces, of }, check);
}

/** Builds one dispatcher for all that change, whole and checked. */
async function build(
  kernel: Kernel,
  { change, first, generation }: CourseOf<"build">,
  sources: readonly MapSource[],
  target: Target,
  resources: Owned,
): Promise<readonly Next[]> {
  const { loaded, images, steps, what } = target;
  const interfaces = change.map(({ device }) => device);
  const others = change.filter((member) => member !== first);
  const past = pastOf(first.before);
  const elsewhere = sources.filter(({ dir }) => dir !== first.dir);
  return firstThatFits(images, async (image) => {
    try {
      makeRoom(change);
      const place = { dir: first.dir, journal: first.journal, interfaces };
      const { dispatcher, verified } = resources.own(
        await buildGeneration(kernel, place, past, elsewhere, image, loaded, generation, steps),
      );
      const displaced = await share(kernel, first, others, image, generation, steps, resources);
      await requireChecks(kernel, loaded, image, dispatcher, what, eachCheck(change, target));
      // They stay whatever comes, so as late as others of the swap can still find them.
      const taken = pinDeclared(kernel, first.dir, image.manifest);
      if (taken !== undefined) throw new LostRace(first.device, { pin: taken });
      return change.map((member) => {
        return { member, image, generation, dispatcher, verified, displaced: displaced.get(member) ?? [] };
      });
    } catch (error) {
      for (const member of change) takeBack(member, steps);
      throw error;
    }
  });
}

async function share(
  kernel: Kernel,
  from: Member,
  others: readonly Member[],
  { manifest }: DispatcherImage,
  generation: number,
  steps: Steps,
  resources: Owned,
): Promise<ReadonlyMap<Member, readonly ProgramKey[]>> {
  if (others.length === 0) return new Map();
  return steps.run({ step: "bind", interfaces: others.map(({ device }) => device) }, () => {
    const each = (member: Member): readonly ProgramKey[] =>
      shareGeneration(kernel, from.dir, member, member.before.kept, manifest, generation, resources);
    return new Map(others.map((member) => [member, each(member)]));
  });
}
