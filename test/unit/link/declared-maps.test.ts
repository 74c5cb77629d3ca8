/** Maps that a chain says something of: what objects must have, what the manifest says, and one map in the linked object. */
import { describe, expect, it } from "vitest";
import type { Program } from "../../../src/chain/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { chainOf } from "../../support/chains.ts";
import { compile } from "../../support/objects.ts";

const definition = (key: string, entries: number, more = ""): string =>
  `struct { __uint(type, BPF_MAP_TYPE_HASH); __type(key, ${key}); __type(value, __u64); __uint(max_entries, ${entries}); ${more} }`;
const source = (map: string): Uint8Array =>
  compile(`#include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    struct key { __u32 a, b; };
    ${map}
    SEC("xdp") int f(struct xdp_md *ctx) { __u64 k = 0; return bpf_map_lookup_elem(&flows, &k) ? 2 : 1; }`);

const FLOWS = source(`${definition("struct key", 16)} flows SEC(".maps");`);
/** The same for the kernel, by another type. */
const ALIKE = source(`${definition("__u64", 16)} flows SEC(".maps");`);
const LARGER = source(`${definition("__u64", 32, "__uint(map_flags, 1);")} flows SEC(".maps");`);
const BY_NAME = source(`${definition("__u64", 16, "__uint(pinning, 1);")} flows SEC(".maps");`);

const program = (name: string, bytes: Uint8Array, maps?: Program["maps"]): Program => ({
  name,
  object: `${name}.bpf.o`,
  bytes,
  ...(maps && { maps }),
});

const fromA = { flows: { from: "a" } };

describe.each(["call", "inline"] as const)("linkage %s", (linkage) => {
  const mapsOf = (...programs: readonly Program[]): readonly string[] => {
    const elf = readElf(synthesise(chainOf(programs, { linkage })).elf);
    const index = elf.sections.findIndex(({ name }) => name === ".maps");
    return elf.symbols.filter(({ type, section }) => type === "object" && section === index).map(({ name }) => name);
  };

  it("has one map for those that are one, and others beside it", () => {
    expect(mapsOf(program("a", FLOWS), program("b", FLOWS))).toEqual(["a_flows", "b_flows"]);
    expect(mapsOf(program("a", FLOWS), program("b", FLOWS, fromA))).toEqual(["flows"]);
    expect(mapsOf(program("b", ALIKE, fromA), program("a", FLOWS))).toEqual(["flows"]);
    const through = program("c", FLOWS, { flows: { from: "b" } });
    expect(mapsOf(program("a", FLOWS), program("b", FLOWS, fromA), through, program("d", FLOWS))).toEqual([
      "a_flows",
      "d_flows",
    ]);
  });

  it("a pin changes no object, and is a matter of the manifest", () => {
    const pinned = synthesise(chainOf([program("a", FLOWS, { flows: { pin: "/sys/fs/bpf/f" } })], { linkage }));
    const plain = synthesise(chainOf([program("a", FLOWS)], { linkage }));
    expect(pinned.listing).toBe(plain.listing);
    expect(pinned.manifest.programs[0]!.homes).toEqual({ flows: { program: "a", pin: "/sys/fs/bpf/f" } });
    expect(plain.manifest.programs[0]).not.toHaveProperty("homes");
    expect(pinned.manifest.programs[0]!.hash).not.toBe(plain.manifest.programs[0]!.hash);
  });
});

it("a program whose map goes elsewhere is another one, whoever says so", () => {
  const hashes = (pin: string): readonly string[] => {
    const programs = [program("a", FLOWS, { flows: { pin } }), program("b", FLOWS, fromA), program("c", FLOWS)];
    return synthesise(chainOf(programs)).manifest.programs.map(({ hash }) => hash);
  };
  const [before, after] = [hashes("/sys/fs/bpf/one"), hashes("/sys/fs/bpf/two")];
  expect(before.map((hash, index) => hash === after[index])).toEqual([false, false, true]);
});

it.each<readonly [string, readonly Program[], string, RegExp]>([
  [
    "a map that the object does not have",
    [program("a", FLOWS, { flow: { pin: "/sys/fs/bpf/f" } })],
    "chain-invalid",
    /^a \(a\.bpf\.o\): the object has no map flow; did you mean flows\? it has flows$/,
  ],
  [
    "one that the other object does not have",
    [program("a", FLOWS), program("b", FLOWS, { seen: { from: "a" } })],
    "chain-invalid",
    /^b \(b\.bpf\.o\): the object has no map seen/,
  ],
  [
    "two definitions",
    [program("a", FLOWS), program("b", LARGER, fromA)],
    "object-unsupported",
    /b \(b\.bpf\.o\): map flows is to be that of a \(a\.bpf\.o\), .*: hash, key 8 bytes, value 8 bytes, 32 entries, flags 0x1 in b, hash, key 8 bytes, value 8 bytes, 16 entries in a; compile/,
  ],
  [
    "a map that is pinned by name",
    [program("a", BY_NAME, { flows: { pin: "/sys/fs/bpf/f" } })],
    "object-unsupported",
    /map flows is pinned by name in its object, .*compile it without `pinning`/,
  ],
])("refuses %s", (_, programs, code, message) => {
  for (const linkage of ["freplace", "call"] as const) {
    const attempt = (): unknown => synthesise(chainOf(programs, { linkage }), { auto: linkage });
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ code }));
  }
});
