import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Btf, decodeBtf, encodeBtf, formatBtf } from "../../../src/codegen/btf/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { bpftoolDump } from "../../support/bpftool.ts";
import { ALL_KINDS } from "../../support/btf.ts";
import { MANY_FEATURES, compile, distributionObjects } from "../../support/objects.ts";

const SAMPLES = "bpf/.output";
const OBJECTS: [string, Uint8Array][] = [
  ["clang, many features", compile(MANY_FEATURES)],
  ...distributionObjects(),
  ...readdirSync(SAMPLES)
    .filter((name) => name.endsWith(".o"))
    .map((name): [string, Uint8Array] => [name, new Uint8Array(readFileSync(`${SAMPLES}/${name}`))]),
];

describe("formatBtf, raw, is line for line what bpftool prints", () => {
  test("of every kind", () => {
    const text = formatBtf(ALL_KINDS);
    expect(text).toBe(bpftoolDump(encodeBtf({ btf: ALL_KINDS }).btf, "raw"));
    expect(text).toContain("[4] STRUCT 'node' size=40 vlen=3\n\t'next' type_id=2 bits_offset=0\n\t'low' type_id=1");
  });

  test.each(OBJECTS)("of %s, as it is and as we write it", (_, bytes) => {
    const section = readElf(bytes).sections.find(({ name }) => name === ".BTF")!.data;
    const btf = decodeBtf(section);
    const text = formatBtf(btf);
    expect(text).toBe(bpftoolDump(bytes, "raw"));
    expect(text).toBe(bpftoolDump(encodeBtf({ btf }).btf, "raw"));
  });

  test("of encodings with more than one bit, and of names with spaces", () => {
    const btf: Btf = {
      types: [
        { kind: "int", name: "both at once", size: 1, bits: 8, bitOffset: 0, encoding: 3 },
        { kind: "int", name: "", size: 1, bits: 8, bitOffset: 0, encoding: 4 },
        { kind: "datasec", name: ".x", size: 4, vars: [{ type: 0, offset: 0, size: 4 }] },
      ],
    };
    expect(formatBtf(btf)).toBe(bpftoolDump(encodeBtf({ btf }).btf, "raw"));
  });

  test("of nothing", () => {
    expect(formatBtf({ types: [] })).toBe("");
  });
});

test("text that no string can hold is refused", () => {
  const values = Array.from({ length: 300 }, () => ({ name: "x".repeat(2 ** 20), value: 0 }));
  const btf: Btf = { types: [{ kind: "enum", name: "e", size: 4, signed: false, values }] };
  expect(() => formatBtf(btf)).toThrow(/longer than 268435456 characters/);
});
