import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import {
  type Btf,
  type BtfExt,
  type BtfType,
  decodeBtf,
  decodeBtfExt,
  formatBtfExt,
} from "../../../src/codegen/btf/index.ts";
import { CORE_KINDS } from "../../../src/codegen/btf/kinds.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { ALL_KINDS, CORE_SOURCE, SOME_EXT } from "../../support/btf.ts";
import { LLVMS } from "../../support/llvm-tools.ts";
import { withFile } from "../../support/llvm.ts";
import { MANY_FEATURES, compile } from "../../support/objects.ts";

function read(object: Uint8Array): { readonly btf: Btf; readonly ext: BtfExt } {
  const { sections } = readElf(object);
  const data = (section: string): Uint8Array => sections.find(({ name }) => name === section)!.data;
  return { btf: decodeBtf(data(".BTF")), ext: decodeBtfExt(data(".BTF.ext"), data(".BTF")) };
}

function objdump(llvm: (typeof LLVMS)[number], object: Uint8Array, ...options: string[]): string {
  const [file, ...words] = llvm.command("llvm-objdump");
  return withFile(object, (path) => execFileSync(file, [...words, ...options, path], { encoding: "utf8" }));
}

const FEATURES = compile(MANY_FEATURES);
const CORE = compile(CORE_SOURCE);

describe("decodeBtfExt", () => {
  test("finds a function where the object has its symbol", () => {
    const { btf, ext } = read(FEATURES);
    const { sections, symbols } = readElf(FEATURES);
    const expected = symbols
      .filter(({ type, section }) => type === "func" && typeof section === "number")
      .map(({ name, section, value }) => `${sections[Number(section)]?.name} ${value} ${name}`);
    const found = [...ext.funcInfo].flatMap(([section, records]) =>
      records.map(({ offset, type }) => {
        const func = btf.types[type - 1];
        return `${section} ${offset} ${func?.kind === "func" && func.name}`;
      }),
    );
    expect(found.length).toBeGreaterThan(3);
    expect(found.toSorted()).toEqual(expected.toSorted());
  });

  test("gives instructions the lines that llvm-objdump takes from DWARF", () => {
    const { ext } = read(FEATURES);
    let compared = 0;
    for (const [section, records] of ext.lineInfo) {
      const lines = new Map<number, number>();
      let line = 0;
      for (const text of objdump(LLVMS[0]!, FEATURES, "-d", "-l", "-j", section).split("\n")) {
        line = Number(/^; .*:(\d+)$/.exec(text)?.[1] ?? line);
        const slot = /^ +(\d+):/.exec(text)?.[1];
        if (slot !== undefined) lines.set(Number(slot) * 8, line);
      }
      for (const record of records.filter((one) => one.line > 0)) {
        expect([record.offset, lines.get(record.offset)]).toEqual([record.offset, record.line]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(10);
  });

  test("and formatBtfExt say of CO-RE relocations what llvm-objdump says", (context) => {
    const llvm = LLVMS.find(({ version }) => version >= 18);
    context.skip(llvm === undefined, "no LLVM here prints CO-RE relocations: that needs version 18");
    const theirs = objdump(llvm!, CORE, "-dr")
      .split("\n")
      .flatMap((line) => /^\s+([0-9a-f]+): +CO-RE (.*)/.exec(line)?.slice(1) ?? [])
      .map((text, index) => (index % 2 === 0 ? `${parseInt(text, 16) / 8}` : text))
      // It shows members without a name and no offset, and has two dots where libbpf has one.
      .map((text) => text.replaceAll(/<anon \d+>\.?/g, "").replace(/::(?!.*=)/, "."))
      .map((text) => text.replace(".[", "["));
    const { btf, ext } = read(CORE);
    const ours = formatBtfExt({ ...ext, funcInfo: new Map(), lineInfo: new Map() }, btf)
      .split("\n")
      .slice(1, -1)
      .flatMap((line) =>
        line
          .trim()
          .replace(/ @ offset [\d.]+\)$/, ")")
          .split(/: (?=<)/),
      );
    expect(ours).toEqual(theirs);
    const kinds = new Set([...ext.coreRelocations.values()].flat().map(({ kind }) => kind));
    // type_matches is clang 15's.
    expect(kinds.size).toBe(CORE_KINDS.length - 1);
  });
});

describe("formatBtfExt", () => {
  test("every sort of record", () => {
    const coreRelocations = [
      { offset: 0, type: 4, access: "0:1", kind: 0 },
      { offset: 8, type: 4, access: "2:2:0:3", kind: 2 },
      { offset: 16, type: 8, access: "1", kind: 11 },
      { offset: 24, type: 19, access: "0", kind: 10 },
      { offset: 32, type: 4, access: "0", kind: 12 },
      { offset: 40, type: 1, access: "0", kind: 7 },
    ];
    const ext = { ...SOME_EXT, coreRelocations: new Map([["xdp", coreRelocations]]) };
    expect(formatBtfExt(ext, ALL_KINDS)).toBe(`functions of xdp
\t0: [12] global int main(struct node *restrict n, ...)
lines of xdp
\t0: a.c:3:1023: int main() // é
lines of xdp.frags
\t1: a.c:4194303:0:
CO-RE relocations of xdp
\t0: <byte_off> [4] struct node.low (0:1 @ offset 8)
\t1: <field_exists> [4] struct node[2].many[3] (2:2:0:3 @ offset 104)
\t2: <enumval_value> [8] typedef mood_t::ANGRY = -2
\t3: <enumval_exists> [19] enum64 wide::HUGE = 18446744073709551615
\t4: <type_matches> [4] struct node
\t5: <target_type_id> [1] int int
`);
  });

  test("of hostile records ends", () => {
    const types: BtfType[] = Array.from({ length: 20_000 }, () => ({ kind: "typedef", name: "", type: 1 }));
    const access = "0:".repeat(2 ** 19) + "0";
    const coreRelocations = new Map([
      ["xdp", types.map((_, n) => ({ offset: 0, type: n + 1, access: "0:1", kind: 0 }))],
    ]);
    const empty = { funcInfo: new Map(), lineInfo: new Map() };
    expect(formatBtfExt({ ...empty, coreRelocations }, { types })).toContain("[20000] typedef <anon> (0:1)\n");
    const long = new Map([["xdp", types.map(() => ({ offset: 0, type: 1, access, kind: 0 }))]]);
    expect(() => formatBtfExt({ ...empty, coreRelocations: long }, { types })).toThrow(/longer than 268435456/);
  });

  test("what does not fit its type is shown as it is", () => {
    const access = (type: number, path: string, kind = 0) => ({ offset: 0, type, access: path, kind });
    const strange = [
      access(99, "0:1"),
      access(4, "0:7"),
      access(4, "x"),
      access(4, "0:1", 77),
      access(1, "0:1"),
      access(6, "9", 10),
      access(6, "0:1", 10),
      access(4, "0:1", 8),
    ];
    const ext: BtfExt = {
      funcInfo: new Map([["xdp", [{ offset: 12, type: 1 }]]]),
      lineInfo: new Map(),
      coreRelocations: new Map([["xdp", strange]]),
    };
    expect(
      formatBtfExt(ext, ALL_KINDS)
        .split("\n")
        .map((line) => line.trim()),
    ).toEqual([
      "functions of xdp",
      "1.5: [1] is no function",
      "CO-RE relocations of xdp",
      "0: <byte_off> [99] (0:1)",
      "0: <byte_off> [4] struct node (0:7)",
      "0: <byte_off> [4] struct node (x)",
      "0: <kind 77> [4] struct node.low (0:1 @ offset 8)",
      "0: <byte_off> [1] int int (0:1)",
      "0: <enumval_exists> [6] enum mood (9)",
      "0: <enumval_exists> [6] enum mood (0:1)",
      "0: <type_exists> [4] struct node (0:1)",
      "",
    ]);
  });
});
