import { isDeepStrictEqual } from "node:util";
import { type ElfObject, readElf, writeElf } from "../../../src/codegen/elf/index.ts";
import { formatObject, parseObject } from "../../../src/codegen/source/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { bytesOf } from "../../support/chains.ts";
import { runDamaged } from "../../support/elf-damage.ts";
import { SMALL_OBJECT } from "../../support/objects.ts";
import { sampleObject } from "../../support/samples.ts";
import { SOURCES } from "../../support/sources.ts";
import { verdictObject } from "../../support/verdict-program.ts";
import { meaning } from "../../unit/source/same.ts";
import { guided } from "../guided.ts";
import { valueOrMistakes } from "../places.ts";
import type { FuzzTarget } from "../target.ts";

const target: FuzzTarget = {
  name: "source-bytes",
  claim: "the text of any object that can be read is refused with places, or holds the same bytes and is itself kept",
  cases: 3000,
  run(seed, cases) {
    const seeds = [
      ...[SMALL_OBJECT, ...SOURCES.map((text) => parseObject(text))].map(writeElf),
      verdictObject(1),
      bytesOf(sampleObject("callback")),
    ];
    const aimed = Math.ceil((cases * 2) / 3);
    runDamaged(seeds, check, aimed, seed);
    const files = /src\/codegen\/(elf|source|asm)\//;
    return aimed + guided({ name: target.name, seeds, check, cases: cases - aimed, seed, files });
  },
};
export default target;

function check(bytes: Uint8Array): void {
  const object = readOrRefuse(bytes);
  if (!object) return;
  const text = formatObject(object);
  const read = valueOrMistakes(() => parseObject(text), text, "asm-invalid");
  if ("mistakes" in read) return;
  if (!isDeepStrictEqual(contents(read.value), contents(object))) {
    throw new Error(`the sections are others:\n${text}`);
  }
  const again = formatObject(read.value);
  if (!isDeepStrictEqual(meaning(parseObject(again)), meaning(read.value))) {
    throw new Error(`${text}is read, written as\n${again}and read as something else`);
  }
}

function readOrRefuse(bytes: Uint8Array): ElfObject | undefined {
  try {
    return readElf(bytes);
  } catch (error) {
    if (error instanceof XdpgenError) return undefined;
    throw error;
  }
}

/** The bytes of each section that has some. */
function contents({ sections }: ElfObject): readonly string[] {
  return sections
    .filter(({ size }) => size > 0)
    .map(({ name, size, data }) => `${name} ${size} ${Buffer.from(data).toString("hex")}`)
    .toSorted();
}
