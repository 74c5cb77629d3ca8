import { synthesise } from "../../../src/codegen/index.ts";
import { openObject } from "../../../src/codegen/object/open.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { bytesOf, chainOf } from "../../support/chains.ts";
import { runDamaged } from "../../support/elf-damage.ts";
import { sampleObject } from "../../support/samples.ts";
import { verdictObject } from "../../support/verdict-program.ts";
import { guided } from "../guided.ts";
import type { FuzzTarget } from "../target.ts";

/** Data sections, function pointers, CO-RE records, no BTF, metadata, functions that call each other. */
const SAMPLES = ["globals", "callback", "core", "no-btf", "run-config", "hidden", "stack", "mcpu-v1"];

/** Damaged objects all the way through: opened, resolved, their return codes read, linked into a dispatcher. */
const target: FuzzTarget = {
  name: "object-bytes",
  claim: "a chain of any bytes as a program's object is a dispatcher that can be read again, or an XdpgenError",
  cases: 1500,
  run(seed, cases) {
    const seeds = [verdictObject(1), ...SAMPLES.map((name) => bytesOf(sampleObject(name)))];
    const aimed = Math.ceil((cases * 2) / 3);
    runDamaged(seeds, check, aimed, seed);
    const files = /src\/codegen\/(object|link|btf)\//;
    return aimed + guided({ name: target.name, seeds, check, cases: cases - aimed, seed, files });
  },
};
export default target;

const WHOLE = verdictObject(2);

function check(bytes: Uint8Array): void {
  for (const linkage of ["call", "freplace"] as const) {
    const programs = [
      // What an object says is remembered with its bytes; a run that only remembers reaches no code.
      { name: "damaged", object: "damaged.bpf.o", bytes: bytes.slice() },
      { name: "whole", object: "whole.bpf.o", bytes: WHOLE },
    ];
    const elf = built(() => synthesise(chainOf(programs, { linkage })).elf);
    if (elf) openObject(elf);
  }
}

function built(build: () => Uint8Array): Uint8Array | undefined {
  try {
    return build();
  } catch (error) {
    if (error instanceof XdpgenError) return undefined;
    throw error;
  }
}
