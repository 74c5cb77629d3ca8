/**
 * The linked object itself, for a chain whose programs come from our own assembler and so are the same on every machine:
 * sections, symbols, relocations and types as text, and a hash of all bytes.
 */
import { describe, expect, it } from "vitest";
import { OBJECT_LINKAGES } from "../../src/chain/index.ts";
import { decodeBtf, formatBtf } from "../../src/codegen/btf/index.ts";
import { readElf } from "../../src/codegen/elf/index.ts";
import { shortHash } from "../../src/codegen/hash.ts";
import { synthesise } from "../../src/codegen/index.ts";
import { CASES, chainOf } from "../support/chains.ts";
import { verdictObject } from "../support/verdict-program.ts";

function describeObject(bytes: Uint8Array): string {
  const elf = readElf(bytes);
  const nameOf = (section: number | string): string =>
    typeof section === "number" ? elf.sections[section]!.name : section;
  const lines = [`${bytes.length} bytes, ${shortHash(bytes)}`, "", "sections"];
  for (const s of elf.sections) {
    lines.push(`  ${s.name}  type ${s.type}  flags ${s.flags}  ${s.size} bytes  align ${s.align}`);
    for (const r of s.relocations) {
      const symbol = elf.symbols[r.symbol]!;
      lines.push(`    at ${r.offset}  type ${r.type}  ${symbol.name || nameOf(symbol.section)}`);
    }
  }
  lines.push("", "symbols");
  for (const s of elf.symbols) {
    lines.push(`  ${s.name || "-"}  ${s.binding} ${s.type}  ${nameOf(s.section)}+${s.value}  ${s.size} bytes`);
  }
  const btf = elf.sections.find((s) => s.name === ".BTF")!;
  return `${lines.join("\n")}\n\ntypes\n${formatBtf(decodeBtf(btf.data))}`;
}

describe.each(OBJECT_LINKAGES)("linkage %s", (linkage) => {
  it("writes this object, on every machine", async () => {
    const programs = [0, 1].map((k) => ({ name: `p${k}`, object: `p${k}.bpf.o`, bytes: verdictObject(k) }));
    const { elf } = synthesise(chainOf(programs, { linkage }));
    await expect(describeObject(elf)).toMatchFileSnapshot(`${CASES}object.${linkage}.txt`);
  });
});
