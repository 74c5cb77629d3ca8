/**
 * Chains whose programs are loaded by somebody else, for linkage `tail`: each object is loaded alone, as its owner would do it,
 * and the chain is given the fd. What is loaded ends with the process.
 */
import type { Chain, Linkage, Program } from "../../src/chain/index.ts";
import { setGlobals } from "../../src/codegen/object/globals.ts";
import { openKernel } from "../../src/loader/index.ts";
import type { ObjectProgram } from "../../src/loader/kernel.ts";

const known = new Map<Uint8Array, ObjectProgram>();

/** The fd of the object's program, loaded once for all chains that name these bytes. */
function loaded({ name, bytes, function: main, globals = {} }: Program): number {
  const earlier = known.get(bytes!);
  if (earlier && Object.keys(globals).length === 0) return earlier.fd();
  const object = openKernel().openObject(setGlobals(bytes!, globals), name.replaceAll("-", "_"));
  const program = object.programs.find((one) => main === undefined || one.name === main)!;
  for (const one of object.programs) one.setAutoload(one === program);
  program.makeXdp();
  object.load();
  known.set(bytes!, program);
  return program.fd();
}

/** The chain with those programs loaded that are to be tail-called, by the chain's linkage or their own. */
export function withLoaded(chain: Chain): Chain {
  const programs = chain.programs.map((program): Program => {
    const linkage: Linkage | "auto" = program.linkage ?? chain.linkage;
    if (linkage !== "tail" || program.object === undefined) return program;
    const { object: _, bytes: __, function: ___, globals: ____, ...rest } = program;
    return { ...rest, fd: loaded(program) };
  });
  return { ...chain, programs };
}
