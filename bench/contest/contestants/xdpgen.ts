/** Our own: one dispatcher for each linkage, made and loaded as `apply` makes and loads it, and on no interface. */
import type { Chain, ObjectLinkage, Program } from "../../../src/chain/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { freplaceSupport, openKernel } from "../../../src/loader/index.ts";
import { openLoaded } from "../../../src/loader/load/loaded.ts";
import { loadCopy } from "../../../src/loader/run/copy.ts";
import { chainOf } from "../../../test/support/chains.ts";
import { type Contestant, loadPlain, type Loaded, Owned } from "../contestant.ts";
import { sourcesOf } from "../sources.ts";
import { edgesOf, type Work } from "../work.ts";

const WHAT: Readonly<Record<ObjectLinkage | "tail", string>> = {
  inline: "xdpgen, the programs' code in the dispatcher",
  call: "xdpgen, the programs as functions of the dispatcher",
  freplace: "xdpgen, the programs as extensions over the dispatcher's stubs",
  tail: "xdpgen, programs that others have loaded, each tail-called out of its slot",
};

/** MAX_TAIL_CALL_CNT (include/linux/bpf.h). */
const MAX_TAIL_CALLS = 33;

/** @param slowed instructions that each program executes for nothing: what a benchmark must see */
export function linkedBy(linkage: ObjectLinkage, slowed = 0): Contestant {
  return {
    name: slowed === 0 ? linkage : `${linkage}, slowed`,
    what: slowed === 0 ? WHAT[linkage] : `${WHAT[linkage]}, and ${slowed} instructions in each for nothing`,
    refusal: () => undefined,
    ...(linkage === "freplace" && { refusedHere: freplaceRefusal }),
    sources: (work) => sourcesOf(work, slowed).map(({ text }) => text),
    load: (work, objects) =>
      loaded(
        chainOf(
          sourcesOf(work, slowed).map((source, k): Program => {
            const { name, main, globals } = source;
            return { ...declared(work, name, k), object: `${name}.bpf.o`, bytes: objects[k]!, function: main, globals };
          }),
          { linkage, counters: work.counters },
        ),
      ),
  };
}

export function freplaceRefusal(): string | undefined {
  const { supported, reason } = freplaceSupport(openKernel());
  return supported ? undefined : reason;
}

export const tail: Contestant = {
  name: "tail",
  what: WHAT.tail,
  refusal: ({ programs }) => (programs > MAX_TAIL_CALLS ? "a packet can make 33 tail calls" : undefined),
  sources: (work) => sourcesOf(work).map(({ text }) => text),
  load(work, objects) {
    const owners = new Owned();
    const programs = sourcesOf(work).map(({ name, globals }, k): Program => {
      const object = loadPlain(owners, objects[k]!, globals);
      return { ...declared(work, name, k), fd: object.programs[0]!.fd() };
    });
    return loaded(chainOf(programs, { linkage: "tail", counters: work.counters }), owners);
  },
};

function declared(work: Work, name: string, k: number): Program {
  const on = edgesOf(work, k);
  return { name, priority: k, ...(on ? { on } : { proceedOn: work.proceedOn }) };
}

function loaded(chain: Chain, owned = new Owned()): Loaded {
  const kernel = openKernel();
  const opened = owned.own(openLoaded(kernel, chain));
  const copy = owned.own(loadCopy(kernel, synthesise(opened.chain), opened));
  return { program: copy.program, [Symbol.dispose]: () => owned[Symbol.dispose]() };
}
