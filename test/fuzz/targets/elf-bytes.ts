import { readElf, writeElf } from "../../../src/codegen/elf/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { runDamaged } from "../../support/elf-damage.ts";
import { inFileOrder, sameObject, SMALL_OBJECT } from "../../support/objects.ts";
import { verdictObject } from "../../support/verdict-program.ts";
import { guided } from "../guided.ts";
import type { FuzzTarget } from "../target.ts";

/**
 * Two thirds of the cases have fields of the format overwritten, which reaches the deep checks; the rest are mutated bytes,
 * guided by coverage.
 */
const target: FuzzTarget = {
  name: "elf-bytes",
  claim:
    "readElf refuses any bytes with a place, or what it read is no larger than they are and can be written and read again",
  cases: 60_000,
  run(seed, cases) {
    const seeds = [writeElf(SMALL_OBJECT), verdictObject(1)];
    const aimed = Math.ceil((cases * 2) / 3);
    runDamaged(seeds, check, aimed, seed);
    return (
      aimed +
      guided({ name: target.name, seeds, check, cases: cases - aimed, seed, files: /src\/codegen\/(elf|string-table)/ })
    );
  },
};
export default target;

/** Names may share their tails, and the reader bounds all of them by the size of the file: twice, for sections and symbols. */
const NAMES_PER_BYTE = 32;

function check(bytes: Uint8Array): void {
  const object = readOrRefuse(bytes);
  if (!object) return;
  const { sections, symbols } = object;
  const sizes = sections.map(({ data, relocations }) => 64 + data.length + relocations.length * 16);
  const size = sizes.reduce((sum, one) => sum + one, symbols.length * 24);
  if (size > bytes.length) throw new Error(`${bytes.length} bytes are read as ${size} bytes of data and entries`);
  const names = new Set([...sections, ...symbols].map(({ name }) => name));
  const letters = [...names].reduce((sum, name) => sum + name.length, 0);
  if (letters > bytes.length * NAMES_PER_BYTE) throw new Error(`${bytes.length} bytes are read as names of ${letters}`);
  if (!sameObject(readElf(writeElf(object)), inFileOrder(object))) throw new Error("written, it is another object");
}

function readOrRefuse(bytes: Uint8Array): ReturnType<typeof readElf> | undefined {
  try {
    return readElf(bytes);
  } catch (error) {
    if (!(error instanceof XdpgenError) || !/^object-(invalid|unsupported)$/.test(error.code)) throw error;
    // An offset, or a section's or a symbol's number: something to look at.
    if (!/\d|no sections|begins with/.test(error.message))
      throw new Error(`no place: ${error.message}`, { cause: error });
    return undefined;
  }
}
