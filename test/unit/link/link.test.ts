import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { OBJECT_LINKAGES, type Program } from "../../../src/chain/index.ts";
import { decode, exit, mov64Imm, R0, slots } from "../../../src/codegen/asm/index.ts";
import { type BtfType, decodeBtf, decodeBtfExt } from "../../../src/codegen/btf/index.ts";
import { R_BPF_64_32, readElf, writeElf } from "../../../src/codegen/elf/index.ts";
import { buildDispatcher, type DispatcherImage, synthesise } from "../../../src/codegen/index.ts";
import { bytesOf, chainOf } from "../../support/chains.ts";
import { compile } from "../../support/objects.ts";
import { objectOf, verdictObject } from "../../support/verdict-program.ts";

const object = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const sample = (name: string): string => object(`bpf/.output/${name}.bpf.o`);
const testObject = (name: string): string => object(`test/bpf/.output/${name}.bpf.o`);

function link(...programs: (Partial<Program> & { object: string })[]): DispatcherImage {
  const named = programs.map((p, i) => ({ name: `p${i}`, bytes: p.bytes ?? bytesOf(p.object), ...p }));
  return synthesise(chainOf(named, { linkage: "call" }));
}

function parts(image: DispatcherImage) {
  const elf = readElf(image.elf);
  const section = (name: string) => elf.sections.find((s) => s.name === name);
  const btf = section(".BTF")!.data;
  const { types } = decodeBtf(btf);
  const ext = decodeBtfExt(section(".BTF.ext")!.data, btf);
  const functions = elf.symbols.filter((s) => s.type === "func");
  const inSection = (name: string) =>
    functions.filter((f) => elf.sections[f.section as number]!.name === name).toSorted((a, b) => a.value - b.value);
  return { elf, section, types, ext, functions, inSection };
}

const nameOf = (type: BtfType | undefined): string => (type && "name" in type ? type.name : "");

describe("link", () => {
  const image = link(
    { object: sample("counter") },
    { object: testObject("globals") },
    { object: testObject("callback") },
    { object: testObject("core") },
  );

  it("puts main into section xdp, and every other function, back to back, into .text", () => {
    const { inSection, section } = parts(image);
    expect(inSection("xdp").map((f) => f.name)).toEqual([image.main]);
    let end = 0;
    for (const f of inSection(".text")) {
      expect(f.value).toBe(end);
      end += f.size;
    }
    expect(end).toBe(section(".text")!.size);
  });

  it("resolves calls within .text to where functions start", () => {
    const { section, inSection } = parts(image);
    const starts = new Set(inSection(".text").map((f) => f.value));
    let offset = 0;
    const targets: number[] = [];
    for (const instruction of decode(section(".text")!.data)) {
      if (instruction.opcode === 0x85 && instruction.src === 1) targets.push(offset + 8 * (instruction.imm + 1));
      offset += 8 * slots(instruction);
    }
    expect(targets.length).toBeGreaterThan(0);
    for (const target of targets) expect(starts).toContain(target);
  });

  it("refers to static functions by their section, as clang does: cilium/ebpf takes no other call", () => {
    const inlined = synthesise(
      chainOf([{ name: "p", object: testObject("functions"), bytes: bytesOf(testObject("functions")) }], {
        linkage: "inline",
        counters: true,
      }),
    );
    const { elf, section, inSection } = parts(inlined);
    const { data, relocations } = section("xdp")!;
    const places = new Map(inSection(".text").map((f) => [f.value, f.binding]));
    const called = relocations.flatMap(({ offset, type, symbol }) => {
      const { name, type: kind, binding, section: at } = elf.symbols[symbol]!;
      if (type !== R_BPF_64_32 || typeof at !== "number") return [];
      const [{ imm } = { imm: 0 }] = decode(data.subarray(offset, offset + 8));
      return [kind === "section" ? places.get(8 * (imm + 1)) : `${binding} ${name}`];
    });
    expect(called.length).toBeGreaterThan(0);
    expect(called).toContain("local");
    expect(called.filter((one) => one !== "local" && !one?.startsWith("global "))).toEqual([]);
  });

  it("has for each function a function record of its name, and a line at its first byte", () => {
    const { inSection, ext, types } = parts(image);
    for (const name of ["xdp", ".text"]) {
      const records = ext.funcInfo.get(name)!;
      expect(records.map((r) => [r.offset, nameOf(types[r.type - 1])])).toEqual(
        inSection(name).map((f) => [f.value, f.name]),
      );
      const lines = new Set(ext.lineInfo.get(name)!.map((l) => l.offset));
      for (const f of inSection(name)) expect(lines).toContain(f.value);
    }
  });

  it("keeps line and CO-RE records in rising order and within the code", () => {
    const { ext, section } = parts(image);
    for (const records of [ext.lineInfo.get(".text")!, ext.coreRelocations.get(".text")!]) {
      const offsets = records.map((r) => r.offset);
      expect(offsets.length).toBeGreaterThan(0);
      expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
      expect(offsets.at(-1)).toBeLessThan(section(".text")!.size);
    }
  });

  it("keeps each program's data in sections of its own", () => {
    const { elf, types } = parts(image);
    const data = elf.sections.map((s) => s.name).filter((name) => /^\.(ro)?data/.test(name));
    expect(data).toEqual(
      expect.arrayContaining([".rodata.p1", ".rodata.p1.table", ".data.p1", ".data.p1.bss", ".rodata.xdpgen"]),
    );
    const sections = types.filter((t) => t.kind === "datasec").map((t) => t.name);
    expect(sections).toEqual(expect.arrayContaining([".rodata.p1", ".data.p1", ".data.p1.bss", ".maps"]));
  });

  it("says under which name it linked each program's maps", () => {
    const twice = link({ object: sample("counter") }, { object: sample("counter") });
    const names = twice.slots.map((slot) => slot.maps.get("totals"));
    expect(names).toEqual(["p0_totals", "p1_totals"]);
    const { elf } = parts(twice);
    for (const name of names) expect(elf.symbols.map((s) => s.name)).toContain(name);
  });

  it.each(OBJECT_LINKAGES)("leaves the name of the counters to them, linkage %s", (linkage) => {
    const named = { name: "xdpgen--counts", object: "x", bytes: objectOf("xdpgen__counts", [mov64Imm(R0, 2), exit()]) };
    const counting = synthesise(chainOf([named], { name: "counts", counters: true, linkage }));
    const { elf } = parts(counting);
    const kinds = new Map(elf.symbols.map((symbol) => [symbol.name, symbol.type]));
    expect(kinds.get("xdpgen__counts")).toBe("object");
    expect(kinds.get(counting.slots[0]!.symbol)).toBe("func");
  });

  it("gives every slot the FUNC type of its function", () => {
    const { types } = parts(image);
    for (const slot of image.slots) expect(types[slot.btfId - 1]).toMatchObject({ kind: "func", name: slot.symbol });
  });

  it("makes entries global that a global function can be, and static the others", () => {
    const linkage = (i: DispatcherImage, symbol: string): unknown =>
      parts(i).types.find((t) => t.kind === "func" && t.name === symbol);
    expect(linkage(image, "xdp_counter")).toMatchObject({ linkage: "global" });
    expect(linkage(image, "add_weight")).toMatchObject({ linkage: "static" });
  });

  it("refuses a map that the object's BTF does not define", () => {
    const source = `
      #include <linux/bpf.h>
      #include <bpf/bpf_helpers.h>
      struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, int); }
        m SEC(".maps");
      SEC("xdp") int f(struct xdp_md *ctx) { int k = 0; return bpf_map_lookup_elem(&m, &k) ? 2 : 1; }`;
    const include = "-I/usr/include/x86_64-linux-gnu";
    const defined = { object: "m.bpf.o", bytes: compile(source, include) };
    const undefinedMap = { object: "m.bpf.o", bytes: compile(source, include, "-g0") };
    expect(link(defined).slots[0]!.maps.get("m")).toBe("m");
    expect(() => link(undefinedMap)).toThrow(/p0: m\.bpf\.o uses map m without a definition in its BTF/);
  });

  it("takes the types of functions from BTF where .BTF.ext is missing", () => {
    const whole = readElf(bytesOf(testObject("two")));
    const bytes = writeElf({ ...whole, sections: whole.sections.filter((s) => s.name !== ".BTF.ext") });
    const linked = link({ object: "two.bpf.o", bytes, function: "xdp_first" }, { object: sample("counter") });
    expect(
      parts(linked)
        .inSection(".text")
        .map((f) => f.name),
    ).toEqual(["xdp_first", "count", "xdp_counter"]);
  });

  it.each([
    ["XYZ", /p0 is licensed "Dual BSD\/GPL" and p1 "XYZ": .* need one license .* as `pinned`$/],
    ["\0\0\0", /p0 is licensed "Dual BSD\/GPL" and p1 has no license: .* need one license/],
  ])("links one license only", (license, message) => {
    expect(() => link({ object: sample("counter") }, { object: "x", bytes: licensed(license) })).toThrow(message);
  });

  it("keeps tags on functions, arguments, maps and variables", () => {
    const source = `
      #include <linux/bpf.h>
      #include <bpf/bpf_helpers.h>
      #define TAG(name) __attribute__((btf_decl_tag(name)))
      struct pair { int a TAG("member"); int b; };
      struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, struct pair); }
        m SEC(".maps") TAG("map");
      volatile int number TAG("variable");
      TAG("function") __attribute__((noinline)) int sub(int x, struct pair *p TAG("arg:nonnull")) { return p->a + x; }
      SEC("xdp") int f(struct xdp_md *ctx) { int k = number; void *p = bpf_map_lookup_elem(&m, &k); return p ? sub(k, p) : 1; }`;
    const bytes = compile(source);
    const { types } = parts(link({ object: "tags.bpf.o", bytes }, { object: "tags.bpf.o", bytes }));
    const tags = types.flatMap((t) =>
      t.kind === "decl_tag" ? [`${t.name} on ${nameOf(types[t.type - 1])}, ${t.component}`] : [],
    );
    const own = (name: string): string[] => [
      `arg:nonnull on ${name}_sub, 1`,
      `function on ${name}_sub, -1`,
      `map on ${name}_m, -1`,
      "variable on number, -1",
    ];
    expect(tags.toSorted()).toEqual([...own("p0"), ...own("p1"), "member on pair, 0"].toSorted());
  });

  it.each([
    [255, "programs fit"],
    [
      256,
      /needs 257 functions .* takes 256 .*: 255 programs at most; use `linkage: inline` for some .* take some out$/,
    ],
  ] as const)("%i programs", (n, expected) => {
    const bytes = verdictObject(0);
    const programs = Array.from({ length: n }, () => ({ object: "verdict.bpf.o", bytes }));
    if (typeof expected === "string") expect(link(...programs).slots).toHaveLength(n);
    else expect(() => link(...programs)).toThrow(expected);
  });

  it("counts the maps that linked programs share one program's limit for", () => {
    const programs = Array.from({ length: 33 }, () => ({ object: sample("counter") }));
    expect(() => link(...programs)).toThrow(
      /use 66 maps .* takes 64 in one program; use `linkage: freplace` for some of them, where the kernel takes extension programs \(`xdpgen doctor`\), or load .* as `pinned`/,
    );
    const { plan } = link(...programs.slice(1));
    expect(() => buildDispatcher({ ...plan, counters: true })).toThrow(/use 64 maps .* beside its counters, and/);
  });
});

/** A program of another license. */
function licensed(license: string): Uint8Array {
  const bytes = verdictObject(0).slice();
  const { elf } = { elf: readElf(bytes) };
  elf.sections.find((s) => s.name === "license")!.data.set(new TextEncoder().encode(license));
  return bytes;
}
