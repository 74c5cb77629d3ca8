import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Btf,
  type BtfType,
  type MergePart,
  type TypeId,
  decodeBtf,
  encodeBtf,
  formatBtf,
  mapTypeRefs,
  mergeBtf,
  typeRefs,
} from "../../../src/codegen/btf/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { ALL_KINDS, anyBtf } from "../../support/btf.ts";
import { withFile } from "../../support/llvm.ts";
import { compile, distributionObjects } from "../../support/objects.ts";

const ids = ({ types }: Btf): TypeId[] => types.map((_, index) => index + 1);
const whole = (btf: Btf): MergePart => ({ btf, roots: ids(btf) });
const typesOf = (object: Uint8Array): Btf =>
  decodeBtf(readElf(object).sections.find(({ name }) => name === ".BTF")!.data);
const isNamedThing = (type: BtfType): boolean => ["func", "var", "datasec"].includes(type.kind);
const withoutRefs = (type: BtfType): BtfType => mapTypeRefs(type, () => 0);

/** Checks that every type taken from a part means the same in the result: same fields, references mapped. */
function expectFaithful(parts: readonly MergePart[]): ReturnType<typeof mergeBtf> {
  const merged = mergeBtf(parts);
  for (const [index, { btf, roots }] of parts.entries()) {
    const map = merged.ids[index]!;
    expect(map.get(0)).toBe(0);
    for (const root of roots) expect(map.has(root)).toBe(true);
    const taken = [...map].filter(([from]) => from !== 0);
    for (const [from, to] of taken) {
      expect(merged.btf.types[to - 1]).toEqual(mapTypeRefs(btf.types[from - 1]!, (id) => map.get(id)!));
    }
  }
  const used = new Set(merged.ids.flatMap((map) => [...map.values()]));
  expect(used.size - 1).toBe(merged.btf.types.length);
  return merged;
}

/** Whether two types cannot be told apart: the definition, by walking both at once. */
function equal(btf: Btf, a: TypeId, b: TypeId, assumed = new Set<string>()): boolean {
  if (a === 0 || b === 0 || assumed.has(`${a} ${b}`)) return a === 0 ? b === 0 : b !== 0;
  const [left, right] = [btf.types[a - 1]!, btf.types[b - 1]!];
  if (a !== b && (isNamedThing(left) || isNamedThing(right))) return false;
  const text = (type: BtfType): string =>
    JSON.stringify(withoutRefs(type), (_, v: unknown) => (typeof v === "bigint" ? `${v}` : v));
  if (text(left) !== text(right)) return false;
  assumed.add(`${a} ${b}`);
  const refs = typeRefs(right);
  return typeRefs(left).every((ref, index) => equal(btf, ref, refs[index]!, assumed));
}

/** A list of `struct NAME { struct NAME *next; TYPE value; }`. */
const list = (name: string, value: BtfType): Btf => ({
  types: [
    {
      kind: "struct",
      name,
      size: 16,
      bitfields: false,
      members: [
        { name: "next", type: 2, bitOffset: 0, bitSize: 0 },
        { name: "value", type: 3, bitOffset: 64, bitSize: 0 },
      ],
    },
    { kind: "ptr", type: 1 },
    value,
  ],
});
const INT: BtfType = { kind: "int", name: "int", size: 4, bits: 32, bitOffset: 0, encoding: 1 };
const FLOAT: BtfType = { kind: "float", name: "float", size: 4 };

describe("mergeBtf", () => {
  test("of nothing is nothing", () => {
    expect(mergeBtf([])).toEqual({ btf: { types: [] }, ids: [] });
    expect(mergeBtf([{ btf: ALL_KINDS, roots: [] }])).toEqual({ btf: { types: [] }, ids: [new Map([[0, 0]])] });
  });

  test("of one part takes all that its roots reach, in order", () => {
    const { btf } = expectFaithful([{ btf: ALL_KINDS, roots: [2] }]);
    expect(btf.types.map((type) => type.kind)).toEqual(["int", "ptr", "array", "struct", "union", "float", "decl_tag"]);
    expect(expectFaithful([whole(ALL_KINDS)]).btf).toEqual(ALL_KINDS);
  });

  test("joins equal circles and keeps different ones apart", () => {
    const [one, same, other] = [list("node", INT), list("node", INT), list("node", FLOAT)];
    expect(expectFaithful([whole(one), whole(same)]).btf.types).toHaveLength(3);
    expect(expectFaithful([whole(one), whole(other)]).btf.types).toHaveLength(6);
    expect(expectFaithful([whole(one), whole(list("knot", INT))]).btf.types).toHaveLength(5);
  });

  test("a circle of two is the circle of one, unrolled", () => {
    const one: Btf = { types: [{ kind: "ptr", type: 1 }] };
    const two: Btf = {
      types: [
        { kind: "ptr", type: 2 },
        { kind: "ptr", type: 1 },
      ],
    };
    expect(expectFaithful([whole(one), whole(two)]).btf).toEqual(one);
  });

  test("joins a type that was written down with one that was read", () => {
    const btf: Btf = { types: [{ members: [], bitfields: false, size: 0, name: "xdp_md", kind: "struct" }] };
    const read = decodeBtf(encodeBtf({ btf }).btf);
    expect(mergeBtf([whole(btf), whole(read)]).btf.types).toHaveLength(1);
  });

  test("functions, variables and sections of two parts stay two, and their tags with them", () => {
    const { btf } = expectFaithful([whole(ALL_KINDS), whole(ALL_KINDS)]);
    // The function, its tag, the variable and its section come twice.
    expect(btf.types).toHaveLength(ALL_KINDS.types.length + 4);
    const tags = btf.types.filter((type) => type.kind === "decl_tag" && type.name === "arg:nonnull");
    expect(new Set(tags.map((tag) => tag.kind === "decl_tag" && tag.type)).size).toBe(2);
  });

  test("a tag comes with what it is on, and without it not at all", () => {
    const { btf } = expectFaithful([{ btf: ALL_KINDS, roots: [12] }]);
    expect(btf.types.filter((type) => type.kind === "decl_tag").map((type) => type.name)).toEqual([
      "arg:nonnull",
      "whole",
    ]);
    expect(expectFaithful([{ btf: ALL_KINDS, roots: [1] }]).btf.types).toEqual([INT]);
  });

  test("never joins different types, always joins equal ones", () => {
    let joined = 0;
    fc.assert(
      fc.property(fc.array(anyBtf, { minLength: 1, maxLength: 3 }), fc.nat(), (btfs, salt) => {
        const parts = btfs.map((btf) => ({ btf, roots: ids(btf).filter((id) => (id * 7 + salt) % 3 > 0) }));
        const { btf } = expectFaithful(parts);
        joined += btfs.reduce((sum, part) => sum + part.types.length, 0) - btf.types.length;
        const pairs = ids(btf).flatMap((a) => ids(btf).map((b) => [a, b] as const));
        expect(pairs.filter(([a, b]) => a < b && equal(btf, a, b))).toEqual([]);
        expect(mergeBtf([whole(btf)]).btf).toEqual(btf);
      }),
      { numRuns: 60 },
    );
    expect(joined).toBeGreaterThan(0);
  });

  test("with itself adds nothing but what names one thing of one object, and tags on it", () => {
    fc.assert(
      fc.property(anyBtf, (btf) => {
        const once = mergeBtf([whole(btf)]).btf;
        const twice = mergeBtf([whole(once), whole(once)]);
        const own = ids(once).filter((id) => twice.ids[1]!.get(id)! > once.types.length);
        const reaches = (id: TypeId, seen = new Set<TypeId>()): boolean => {
          const type = once.types[id - 1];
          if (!type || seen.has(id)) return false;
          seen.add(id);
          return isNamedThing(type) || typeRefs(type).some((ref) => reaches(ref, seen));
        };
        expect(own).toEqual(ids(once).filter((id) => reaches(id)));
        expect(twice.btf.types.slice(0, once.types.length)).toEqual(once.types);
      }),
    );
  });

  test("gives the same types whichever part comes first", () => {
    fc.assert(
      fc.property(anyBtf, anyBtf, (one, other) => {
        const [ab, ba] = [mergeBtf([whole(one), whole(other)]), mergeBtf([whole(other), whole(one)])];
        expect(ba.btf.types).toHaveLength(ab.btf.types.length);
        const pairs = [0, 1].flatMap((part) => [...ab.ids[part]!].map(([id, to]) => [to, ba.ids[1 - part]!.get(id)!]));
        const toBa = new Map(pairs as [TypeId, TypeId][]);
        for (const [from, to] of pairs) expect(toBa.get(from!)).toBe(to);
        for (const [from, to] of toBa) {
          if (from !== 0)
            expect(ba.btf.types[to - 1]).toEqual(mapTypeRefs(ab.btf.types[from - 1]!, (id) => toBa.get(id)!));
        }
      }),
    );
  });

  test("of two objects gives the types that bpftool's linker gives", () => {
    const common = "struct node { struct node *next; unsigned v : 3; }; typedef struct node node_t; enum e { A, B };";
    const [one, other] = [
      compile(`${common} struct only_one { node_t *n; enum e e; }; struct only_one one; node_t *a;`),
      compile(`${common} struct only_other { node_t n[3]; const struct { int x; } *y; }; struct only_other two;`),
    ];
    const linked = withFile(one, (a) =>
      withFile(other, (b) => {
        execFileSync("bpftool", ["gen", "object", `${a}.linked`, a, b], { stdio: ["ignore", "ignore", "pipe"] });
        return new Uint8Array(readFileSync(`${a}.linked`));
      }),
    );
    const blocks = (btf: Btf): string[] => formatBtf(btf, { style: "c" }).split("\n\n").toSorted();
    const { btf } = expectFaithful([whole(typesOf(one)), whole(typesOf(other))]);
    expect(blocks(btf)).toEqual(blocks(typesOf(linked)));
    expect(blocks(btf).join()).toContain("only_other");
    const plain = ({ types }: Btf): number => types.filter((type) => !isNamedThing(type)).length;
    expect(plain(btf)).toBe(plain(typesOf(linked)));
  });

  test("members of one long name", () => {
    const name = "x".repeat(2 ** 20);
    const members = Array.from({ length: 60_000 }, () => ({ name, type: 0, bitOffset: 0, bitSize: 0 }));
    const btf: Btf = { types: [{ kind: "union", name, size: 0, bitfields: false, members }] };
    expect(mergeBtf([whole(btf), whole(btf)]).btf.types).toHaveLength(1);
  });

  test("long chains and circles, which round after round would take for ever", () => {
    const length = 50_000;
    const chain = (last: BtfType): Btf => ({
      types: [...Array.from({ length: length - 1 }, (_, index): BtfType => ({ kind: "ptr", type: index + 2 })), last],
    });
    const end: BtfType = { kind: "float", name: "end", size: 4 };
    expect(mergeBtf([whole(chain(end)), whole(chain(end))]).btf).toEqual(chain(end));
    expect(mergeBtf([whole(chain({ kind: "ptr", type: 1 })), whole(chain(end))]).btf.types).toHaveLength(length + 1);
    const ring = chain({ kind: "const", type: 1 });
    expect(mergeBtf([whole(ring), { btf: ring, roots: [length / 2] }]).btf.types).toHaveLength(length);
  });

  test("real objects together", () => {
    const parts = distributionObjects().map(([, bytes]) => whole(typesOf(bytes)));
    const { btf } = expectFaithful(parts);
    expect(decodeBtf(encodeBtf({ btf }).btf)).toEqual(btf);
    const named = (types: readonly BtfType[], name: string): number =>
      types.filter((type) => type.kind === "struct" && type.name === name).length;
    const before = parts.flatMap((part) => [...part.btf.types]);
    expect(named(btf.types, "xdp_md")).toBeLessThan(Math.max(1, named(before, "xdp_md")));
  });
});
