/** Objects to read: those that clang makes of C and that Debian's xdp-tools brings, and a small one made of values. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { callSymbol, decode, encode, exit, ldSymbol, mov64Imm, R0, R1 } from "../../src/codegen/asm/index.ts";
import { decodeBtf, decodeBtfExt, encodeBtf } from "../../src/codegen/btf/index.ts";
import {
  type ElfObject,
  type ElfSection,
  type ElfSymbol,
  R_BPF_64_32,
  R_BPF_64_64,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_PROGBITS,
} from "../../src/codegen/elf/index.ts";
import { withFile } from "./llvm.ts";

/** Where clang finds `asm/types.h`, which Debian has in a folder of the machine's architecture. */
export const INCLUDES: readonly string[] = readdirSync("/usr/include")
  .filter((name) => name.endsWith("-linux-gnu"))
  .flatMap((name) => ["-idirafter", `/usr/include/${name}`]);

/** Compiles C for BPF, as the sample programs are compiled. */
export function compile(source: string, ...options: string[]): Uint8Array {
  return withFile(source, (path) => {
    const output = `${path}.obj`;
    execFileSync(
      "clang",
      ["-O2", "-g", "-target", "bpf", "-mcpu=v3", ...INCLUDES, ...options, "-x", "c", "-c", path, "-o", output],
      {
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    return new Uint8Array(readFileSync(output));
  });
}

/** What libbpf's static linker makes of two objects. */
export function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  return withFile(a, (first) =>
    withFile(b, (second) => {
      const output = `${first}.joined`;
      execFileSync("bpftool", ["gen", "object", output, first, second]);
      return new Uint8Array(readFileSync(output));
    }),
  );
}

/** `MANY_FEATURES` as clang compiles it with each of these sets of options. */
export function clangVariations(): [name: string, bytes: Uint8Array][] {
  const levels = ["-O0", "-O1", "-O2", "-Os"];
  const matrix = levels.flatMap((level) =>
    ["-mcpu=v1", "-mcpu=v2", "-mcpu=v3"].flatMap((cpu) => ["-g", "-g0"].map((debug) => [level, cpu, debug])),
  );
  const others = [
    ["-ffunction-sections", "-fdata-sections"],
    // A section that is ordered after another, compressed DWARF, DWARF of another version, and in a file of its own.
    ["-fstack-size-section"],
    ["-gz"],
    ["-gdwarf-4"],
    ["-gsplit-dwarf"],
  ];
  return [...matrix, ...others].map((options) => [`clang ${options.join(" ")}`, compile(MANY_FEATURES, ...options)]);
}

/** Names and bytes of the objects of xdp-tools; none, with a printed reason, where the package is not installed. */
export function distributionObjects(): [name: string, bytes: Uint8Array][] {
  const folders = readdirSync("/usr/lib").map((name) => join("/usr/lib", name, "bpf"));
  const objects = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name): [string, string] => [name, join(folder, name)]))
    .filter(([name]) => name.endsWith(".o"))
    .map(([name, path]): [string, Uint8Array] => [name, new Uint8Array(readFileSync(path))]);
  if (objects.length === 0)
    console.warn("no objects of xdp-tools under /usr/lib/*/bpf: install xdp-tools to test them");
  return objects;
}

const folder = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Names and bytes of the programs of bpf/ and test/bpf/, compiled: every object in the folders. */
export function compiledObjects(): [name: string, bytes: Uint8Array][] {
  return ["bpf/.output", "test/bpf/.output"].flatMap((path) =>
    readdirSync(folder(path))
      .filter((name) => name.endsWith(".o"))
      .map((name): [string, Uint8Array] => [`${path}/${name}`, new Uint8Array(readFileSync(join(folder(path), name)))]),
  );
}

/** A section of bytes that are loaded. */
export function section(name: string, data: Uint8Array, more: Partial<ElfSection> = {}): ElfSection {
  const rest = { align: 8, entrySize: 0, relocations: [] };
  return { name, type: SHT_PROGBITS, flags: SHF_ALLOC, data, size: data.length, ...rest, ...more };
}

/** A global symbol that is not defined. */
export function symbol(name: string, more: Partial<ElfSymbol> = {}): ElfSymbol {
  const rest = { visibility: "default", section: "undefined" } as const;
  return { name, value: 0, size: 0, type: "notype", binding: "global", ...rest, ...more };
}

const code = encode([ldSymbol(R1, "counts"), callSymbol("helper"), mov64Imm(R0, 2), exit()]);

/** Code with relocations, a section without bytes, and a global before a local symbol, which the file has the other way round. */
export const SMALL_OBJECT: ElfObject = {
  sections: [
    section("xdp", code, {
      flags: SHF_ALLOC | SHF_EXECINSTR,
      relocations: [
        { offset: 0, type: R_BPF_64_64, symbol: 1 },
        { offset: 16, type: R_BPF_64_32, symbol: 2 },
      ],
    }),
    section(".bss", new Uint8Array(), { type: SHT_NOBITS, flags: SHF_ALLOC | SHF_WRITE, size: 64, align: 32 }),
    section("license", new TextEncoder().encode("GPL\0"), { align: 1 }),
  ],
  symbols: [
    symbol("main", { type: "func", section: 0, size: code.length }),
    symbol("counts", { type: "object", section: 1, value: 8, size: 8, binding: "local" }),
    symbol("helper", { binding: "weak", visibility: "hidden" }),
    symbol("", { type: "section", section: 0, binding: "local" }),
  ],
};

/**
 * Sections, symbols, relocations and types of every sort that clang makes. The helper is a macro, because -O0 calls a variable
 * by `callx`, which RFC 9669 reserves and no kernel takes.
 */
export const MANY_FEATURES = `
  #define SEC(name) __attribute__((section(name), used))
  typedef unsigned int u32;
  typedef unsigned long long u64;
  struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
  struct node { struct node *next; union { u32 word; unsigned char bytes[4]; }; u32 low : 5, high : 27; };
  enum mood { CALM = 1, ANGRY = -2 };
  enum wide { HUGE = 0x123456789abcdefULL };
  struct { int (*type)[2]; u32 *key; struct node *value; int (*max_entries)[4]; } many SEC(".maps");
  const volatile u32 limit = 7;
  static volatile const char name[] = "name";
  volatile u64 total = 1;
  static volatile u32 zeroed[16];
  volatile double ratio = 0.5;
  struct task { int pid; enum mood mood; enum wide wide; } __attribute__((preserve_access_index));
  #define lookup ((void *(*)(void *, const void *))1)
  static __attribute__((noinline)) u32 local(u32 x, volatile u32 *at) { *at += x; return x * limit + name[x & 3]; }
  __attribute__((noinline)) int global(struct node *restrict n) { return n ? n->high + (int)n->word : -1; }
  extern int missing(int (*)(struct node *, ...)) __attribute__((weak, section(".ksyms")));
  SEC("xdp") int first(struct xdp_md *ctx) {
    u32 key = ctx->rx_queue_index;
    struct node *n = lookup(&many, &key);
    struct task *t = (void *)(long)ctx->data;
    total += local(key, &zeroed[key & 15]) + t->pid + t->mood;
    __sync_fetch_and_add(&total, 3);
    return global(n) > 3 ? 1 : 2;
  }
  SEC("xdp.frags") int second(struct xdp_md *ctx) { return ctx->data ? local(3, &zeroed[1]) : missing(0); }
  char _license[] SEC("license") = "GPL";
`;

/** The object with symbols in the order that `writeElf` gives them, and relocations that follow them. */
export function inFileOrder(object: ElfObject): ElfObject {
  const isGlobal = (index: number): number => Number(object.symbols[index]!.binding !== "local");
  const order = [...object.symbols.keys()].toSorted((a, b) => isGlobal(a) - isGlobal(b));
  const numbers = new Map(order.map((before, after) => [before, after]));
  const moved = (one: ElfSection): ElfSection => ({
    ...one,
    relocations: one.relocations.map((r) => ({ ...r, symbol: numbers.get(r.symbol)! })),
  });
  return { symbols: order.map((index) => object.symbols[index]!), sections: object.sections.map(moved) };
}

/** Whether two objects have the same values; their data may be views of different bytes. */
export function sameObject(a: ElfObject, b: ElfObject): boolean {
  return isDeepStrictEqual(a, b);
}

/** The bytes of the first section of that name. */
export function contentsOf({ sections }: ElfObject, name: string): Uint8Array | undefined {
  return sections.find((s) => s.name === name)?.data;
}

/** The object with its code and its types decoded and encoded. */
export function throughValues(object: ElfObject): ElfObject {
  const [btf, ext] = [contentsOf(object, ".BTF"), contentsOf(object, ".BTF.ext")];
  const types = btf && ext && encodeBtf({ btf: decodeBtf(btf), ext: decodeBtfExt(ext, btf) });
  const replaced = new Map([
    [".BTF", types?.btf],
    [".BTF.ext", types?.ext],
  ]);
  const sections = object.sections.map((s) => {
    const data = (s.flags & SHF_EXECINSTR) === 0 ? replaced.get(s.name) : encode(decode(s.data));
    return data ? { ...s, data, size: data.length } : s;
  });
  return { sections, symbols: object.symbols };
}
