import { isDeepStrictEqual } from "node:util";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { formatObject, parseObject } from "../../../src/codegen/source/index.ts";
import { bytesOf } from "../../support/chains.ts";
import { sampleObject } from "../../support/samples.ts";
import { SOURCES } from "../../support/sources.ts";
import { verdictObject } from "../../support/verdict-program.ts";
import { meaning } from "../../unit/source/same.ts";
import { guided } from "../guided.ts";
import { valueOrMistakes } from "../places.ts";
import type { FuzzTarget } from "../target.ts";

/** Objects whose texts are parents: data, function pointers, several sections. */
const SAMPLES = ["globals", "callback", "core"];

const target: FuzzTarget = {
  name: "source-text",
  claim: "any text is an object whose own text makes the same object, or mistakes that stand inside of the text",
  cases: 3000,
  run: (seed, cases) =>
    guided({ name: target.name, seeds: parents(), check, cases, seed, files: /src\/codegen\/(asm|source)\// }),
};
export default target;

function parents(): Uint8Array[] {
  const objects = [verdictObject(1), ...SAMPLES.map((name) => bytesOf(sampleObject(name)))];
  const texts = objects.map((bytes) => {
    const { sections, symbols } = readElf(bytes);
    // What the compiler says for debuggers is long and all of one sort.
    const kept = sections.map((section) =>
      /^\.(BTF|debug|llvm)/.test(section.name)
        ? { ...section, data: new Uint8Array(), size: 0, relocations: [] }
        : section,
    );
    return formatObject({ sections: kept, symbols });
  });
  return [...texts, ...SOURCES, WORDS].map((text) => new TextEncoder().encode(text));
}

/** Words of which no object comes: ignored, refused, or not known. */
const WORDS =
  '.macro m\n.endm\n.if 1\n.loc 1 2 3\n.addrsig\n.section g,"axG",@progbits,g,comdat\n.dword 1\n.cfi_startproc\n';

/** @throws Error when the text is neither an object nor refused as it should be */
function check(bytes: Uint8Array): void {
  const text = new TextDecoder().decode(bytes);
  const result = valueOrMistakes(() => parseObject(text), text, "asm-invalid");
  if ("mistakes" in result) return;
  const again = formatObject(result.value);
  const read = valueOrMistakes(() => parseObject(again), again, "asm-invalid");
  if ("mistakes" in read) throw new Error(`${again}is refused: ${JSON.stringify(read.mistakes)}`);
  if (!isDeepStrictEqual(meaning(read.value), meaning(result.value))) {
    throw new Error(
      `${JSON.stringify(meaning(result.value))}\nis written as\n${again}which is ${JSON.stringify(meaning(read.value))}`,
    );
  }
}
