/**
 * Chains whose programs are loaded by somebody else, for linkage `tail`: each object is loaded alone, as its owner would do it,
 * and the chain is given the fd. The last few hundred stay loaded, far more than one chain has.
 */
import type { Chain, Linkage, Program } from "../../src/chain/index.ts";
import { setGlobals } from "../../src/codegen/object/globals.ts";
import { openKernel } from "../../src/loader/index.ts";
import type { BpfObject, ObjectProgram } from "../../src/loader/machine/kernel.ts";

const KEPT = 400;
const known = new Map<Uint8Array, Loaded>();

interface Loaded {
  readonly object: BpfObject;
  readonly program: ObjectProgram;
}

/** The fd of the object's program. Objects with globals are loaded anew each time, the others once while they are known. */
export function loaded(program: Program): number {
  const bytes = program.globals ? new Uint8Array(program.bytes!) : program.bytes!;
  const found = known.get(bytes) ?? load(program);
  // The last one used is the last one of the map.
  known.delete(bytes);
  known.set(bytes, found);
  for (const [oldest, { object }] of known) {
    if (known.size <= KEPT) break;
    known.delete(oldest);
    object[Symbol.dispose]();
  }
  return found.program.fd();
}

function load({ name, bytes, function: main, globals = {} }: Program): Loaded {
  const object = openKernel().openObject(setGlobals(bytes!, globals), name.replaceAll("-", "_"));
  const program = object.programs.find((one) => main === undefined || one.name === main)!;
  for (const one of object.programs) one.setAutoload(one === program);
  program.makeXdp();
  object.load();
  return { object, program };
}

/** The chain with those programs loaded that are to be tail-called, by the chain's linkage or their own. */
export function withLoaded(chain: Chain): Chain {
  return tailed(chain, (program) => ({ fd: loaded(program) }));
}

/** The same, with nothing loaded: what is to be known of the dispatcher alone. */
export function withPinned(chain: Chain): Chain {
  return tailed(chain, ({ name }) => ({ pinned: `/sys/fs/bpf/${name}` }));
}

function tailed(chain: Chain, sourceOf: (program: Program) => Partial<Program>): Chain {
  const programs = chain.programs.map((program): Program => {
    const linkage: Linkage | "auto" = program.linkage ?? chain.linkage;
    if (linkage !== "tail" || program.object === undefined) return program;
    const { object: _, bytes: __, function: ___, globals: ____, ...rest } = program;
    return { ...rest, ...sourceOf(program) };
  });
  return { ...chain, programs };
}
