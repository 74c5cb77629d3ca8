/** Chains of tail calls, each program knowing what comes behind it: without a dispatcher, and behind a root program. */
import { openKernel } from "../../../src/loader/index.ts";
import { u32 } from "../../../test/support/samples.ts";
import { type Contestant, loadPlain, onlyLines, Owned } from "../contestant.ts";
import { asFunction, LICENSE, peer, proceeds, sourcesOf } from "../sources.ts";
import type { Work } from "../work.ts";

/** MAX_TAIL_CALL_CNT (include/linux/bpf.h), and the program that no tail call led to. */
const MAX_LINKS = 34;

export const tailCalls: Contestant = {
  name: "tail calls",
  what: "Each program tail-calls the next by a constant index, which becomes a direct jump; no dispatcher",
  refusal: (work) =>
    work.programs > MAX_LINKS ? "a packet can make 33 tail calls, from 34 programs" : onlyLines(work),
  sources: links,
  load(work, objects) {
    const owned = new Owned();
    return { program: chained(work, objects, owned), [Symbol.dispose]: () => owned[Symbol.dispose]() };
  },
};

export const root: Contestant = {
  name: "root array",
  what: "A root program that tail-calls the first program out of its array, as katran's does; they go on by tail calls",
  refusal: (work) =>
    work.programs > MAX_LINKS - 1 ? "a packet can make 33 tail calls, the root's among them" : onlyLines(work),
  sources: (work) => [peer("root"), ...links(work)],
  load(work, [bytes, ...objects]) {
    const owned = new Owned();
    const above = loadPlain(owned, bytes!);
    openKernel().update(above.map("roots")!.fd(), u32(0), u32(chained(work, objects, owned)));
    return { program: above.programs[0]!.fd(), [Symbol.dispose]: () => owned[Symbol.dispose]() };
  },
};

/** Room for as many as can be, so that chains of any length share compiled links. */
function links(work: Work): readonly string[] {
  return sourcesOf(work).map((source, k) =>
    [
      asFunction(source),
      proceeds(work),
      `#define PROGRAMS ${MAX_LINKS}`,
      `#define NEXT ${k + 1}`,
      peer("tail-call"),
      LICENSE,
    ].join("\n"),
  );
}

/** @returns fd of the first link */
function chained(work: Work, objects: readonly Uint8Array[], owned: Owned): number {
  const sources = sourcesOf(work);
  const first = loadPlain(owned, objects[0]!, sources[0]!.globals);
  const array = first.map("places")!.fd();
  for (const [k, bytes] of objects.entries()) {
    if (k === 0) continue;
    const link = loadPlain(owned, bytes, sources[k]!.globals, (object) => object.map("places")!.reuse(array));
    openKernel().update(array, u32(k), u32(link.programs[0]!.fd()));
  }
  return first.programs[0]!.fd();
}
