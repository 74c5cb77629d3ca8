/** The shared set of chains in test/cases, read the way the loader reads them. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Chain, type Program, requireChain } from "../../src/chain/index.ts";

export const CASES = fileURLToPath(new URL("../cases/", import.meta.url));

/** Names of the chains in test/cases, without `.yaml`. */
export function caseNames(folder = CASES): readonly string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.replace(/\.yaml$/, ""));
}

/** Parsed, with the bytes of its objects. */
export function readCase(name: string, folder = CASES): Chain {
  const file = `${folder}${name}.yaml`;
  return withBytes(requireChain(readFileSync(file, "utf8"), file));
}

export function withBytes(chain: Chain): Chain {
  return { ...chain, programs: chain.programs.map((p) => ({ ...p, bytes: p.bytes ?? bytesOf(p.object!) })) };
}

export function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}

/** A chain made in code; what is not given has the default that chain.yaml has. */
export function chainOf(programs: readonly Program[], rest: Partial<Chain> = {}): Chain {
  return { name: "test", interfaces: [], mode: "auto", linkage: "auto", end: "verdict", ...rest, programs };
}

/** A program of test/bpf, compiled. */
export function testProgram(name: string): Program {
  const object = fileURLToPath(new URL(`../bpf/.output/${name}.bpf.o`, import.meta.url));
  return { name, object, bytes: bytesOf(object) };
}

/** A sample program of bpf/, compiled. */
export function sampleProgram(name: string): Program {
  const object = fileURLToPath(new URL(`../../bpf/.output/${name}.bpf.o`, import.meta.url));
  return { name, object, bytes: bytesOf(object) };
}
