/** Maps that hold maps or programs from the start, and static ones: what of them is in the linked object. */
import { describe, expect, it } from "vitest";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { chainOf, testProgram } from "../../support/chains.ts";
import { compile, joined } from "../../support/objects.ts";

const object = (source: string): { object: string; bytes: Uint8Array } => ({
  object: "m.bpf.o",
  bytes: compile(`#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n${source}`),
});

const PROGRAMS = `struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 1); __type(key, __u32); __array(values, int(struct xdp_md *));
} steps SEC(".maps")`;

/** `map+offset -> symbol` of each relocation in `.maps`. */
function filled(elf: ReturnType<typeof readElf>): readonly string[] {
  const index = elf.sections.findIndex(({ name }) => name === ".maps");
  const maps = elf.symbols.filter(({ type, section }) => type === "object" && section === index);
  return elf.sections[index]!.relocations.map(({ offset, symbol }) => {
    const map = maps.find(({ value, size }) => offset >= value && offset < value + size)!;
    return `${map.name}+${offset - map.value} -> ${elf.symbols[symbol]!.name}`;
  });
}

describe("maps that hold something from the start", () => {
  it.each(["map-in-map", "static-maps"])("%s: each instance has its own", (name) => {
    const { elf } = synthesise(
      chainOf([testProgram(name), { ...testProgram(name), name: "again" }], { linkage: "call" }),
    );
    const at = (program: string): string[] => [
      `${program}_by_parity+48 -> ${program}_even`,
      `${program}_by_parity+72 -> ${program}_odd`,
      `${program}_by_name+40 -> ${program}_all`,
    ];
    const values = filled(readElf(elf));
    expect(values.map((value) => value.replace(/\+\d+/, ""))).toEqual(
      [...at(name.replace("-", "_").replace("-", "_")), ...at("again")].map((value) => value.replace(/\+\d+/, "")),
    );
    expect(new Set(values).size).toBe(6);
  });

  it("puts the programs of a map beside the dispatcher, and what they call into .text", () => {
    const program = { ...testProgram("map-of-programs"), function: "xdp_map_of_programs" };
    const { elf: bytes, main } = synthesise(chainOf([program, testProgram("stack")], { linkage: "call" }));
    const elf = readElf(bytes);
    const names = (section: string): string[] =>
      elf.symbols
        .filter((s) => s.type === "func" && elf.sections[s.section as number]!.name === section)
        .toSorted((a, b) => a.value - b.value)
        .map((s) => s.name);
    expect(names("xdp")).toEqual([main, "xdp_drop_it", "xdp_bounce"]);
    expect(names(".text")).toEqual(expect.arrayContaining(["xdp_map_of_programs", "enter", "alternate"]));
    expect(filled(elf).map((value) => value.replace(/\+\d+/, ""))).toEqual([
      "steps -> xdp_drop_it",
      "steps -> xdp_bounce",
    ]);
  });

  it.each([
    [
      "calls",
      `SEC("xdp") int f(struct xdp_md *ctx);
      ${PROGRAMS} = { .values = { [0] = &f } };
      SEC("xdp") int f(struct xdp_md *ctx) { bpf_tail_call(ctx, &steps, 0); return 2; }`,
      /puts f into a map of programs and calls it too, which linkage `call` does not link/,
    ],
    [
      "fills with what is neither",
      `int number = 1;
      struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 1); __type(key, __u32); __array(values, int); }
        outer SEC(".maps") = { .values = { [0] = &number } };
      SEC("xdp") int f(struct xdp_md *ctx) { int k = 0; return bpf_map_lookup_elem(&outer, &k) ? 2 : 1; }`,
      /fills a map with number, which is neither a map nor a function/,
    ],
  ])("refuses a program that %s", (_, source, message) => {
    expect(() => synthesise(chainOf([{ name: "p", ...object(source) }], { linkage: "call" }))).toThrow(message);
  });

  it("may have one name twice, where the objects of several files were joined", () => {
    const file = (code: string): Uint8Array =>
      object(`static struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, int); }
        m SEC(".maps");
        static __attribute__((always_inline)) int found(void) { int k = 0; return bpf_map_lookup_elem(&m, &k) != 0; }
        ${code}`).bytes;
    const bytes = joined(
      file(`int other(void); SEC("xdp") int f(struct xdp_md *ctx) { return found() + other(); }`),
      file(`__attribute__((noinline)) int other(void) { return found(); }`),
    );
    const { slots, elf } = synthesise(chainOf([{ name: "p", object: "p.bpf.o", bytes }], { linkage: "call" }));
    expect([...slots[0]!.maps]).toEqual([
      ["m", "m"],
      ["m_2", "m_2"],
    ]);
    const { sections, symbols } = readElf(elf);
    const used = ["xdp", ".text"].flatMap((name) => sections.find((s) => s.name === name)!.relocations);
    expect(used.map(({ symbol }) => symbols[symbol]!.name).toSorted()).toEqual(["m", "m_2", "other"]);
  });

  it("is called rather than extended, because an extension's object has one program", () => {
    const program = { ...testProgram("map-of-programs"), function: "xdp_map_of_programs" };
    const image = synthesise(chainOf([program, testProgram("stack")]), { auto: "freplace" });
    expect(image.manifest.programs.map(({ linkage }) => linkage)).toEqual(["call", "freplace"]);
  });
});
