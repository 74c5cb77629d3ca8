/** Numbers that are written by hand, against the system's headers: the C compiler finds them equal or stops. */
import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import * as opcodes from "../../src/codegen/asm/opcodes.ts";
import * as kinds from "../../src/codegen/btf/kinds.ts";
import * as elf from "../../src/codegen/elf/constants.ts";

const HEADERS = ["elf.h", "linux/btf.h", "linux/bpf.h"].map((name) => `#include <${name}>\n`).join("");

function clang(source: string, ...options: readonly string[]): string {
  return execFileSync("clang", ["-xc", ...options, "-"], { input: HEADERS + source, encoding: "utf8", stdio: "pipe" });
}

/** Names that the headers define for the preprocessor. */
const DEFINED = new Set(clang("", "-E", "-dM").match(/(?<=^#define )\w+/gm));

/** Newer than the headers of Debian 12, or of LLVM alone. */
const MAY_BE_ABSENT = new Set(
  (
    "SHT_LLVM_ADDRSIG R_BPF_64_ABS64 R_BPF_64_ABS32 R_BPF_64_NODYLD32 " +
    "BPF_MEMSX BPF_JCOND BPF_LOAD_ACQ BPF_STORE_REL"
  ).split(" "),
);

/** Numbers of a module by the header's names. */
function named(module: object, names: RegExp): [string, number][] {
  return Object.entries(module).filter((entry): entry is [string, number] => names.test(entry[0]));
}

const inOrder = (prefix: string, names: readonly (string | undefined)[]): [string, number][] =>
  [...names.entries()].flatMap(([value, name]): [string, number][] =>
    name === undefined ? [] : [[prefix + name.toUpperCase(), value]],
  );

function expectEqual(expressions: readonly (readonly [string, number])[]): void {
  expect(expressions).not.toEqual([]);
  const source = expressions.map(([name, value]) => `_Static_assert(${name} == ${value}, "${name} is ${value}");\n`);
  clang(source.join(""), "-fsyntax-only");
}

function expectDefined(numbers: readonly (readonly [string, number])[]): void {
  const absent = numbers.flatMap(([name]) => (DEFINED.has(name) ? [] : [name]));
  expect(absent.filter((name) => !MAY_BE_ABSENT.has(name))).toEqual([]);
  const there = numbers.filter(([name]) => DEFINED.has(name));
  if (there.length > 0) expectEqual(there);
}

test("a number that is not the header's is found", () => {
  expect(() => expectEqual([["EM_BPF", elf.EM_BPF + 1]])).toThrow(/EM_BPF is 248/);
});

describe("ELF", () => {
  test("constants", () => {
    expectDefined(named(elf, /^(?:ELF(?:CLASS|DATA)|EV|ET|EM|SHT|SHF|SHN|R_BPF)_?/));
  });

  test("sizes of structures", () => {
    const { EHDR_SIZE, SHDR_SIZE, SYM_SIZE, REL_SIZE } = elf;
    const sizes = { Ehdr: EHDR_SIZE, Shdr: SHDR_SIZE, Sym: SYM_SIZE, Rel: REL_SIZE };
    expectEqual(Object.entries(sizes).map(([name, size]) => [`sizeof(Elf64_${name})`, size]));
  });

  test("what symbols are", () => {
    expectEqual([
      ...inOrder("STT_", elf.SYMBOL_TYPES),
      ...inOrder("STB_", elf.SYMBOL_BINDINGS),
      ...inOrder("STV_", elf.SYMBOL_VISIBILITIES),
    ]);
  });
});

describe("BTF", () => {
  test("kinds, all of them", () => {
    expectEqual([...inOrder("BTF_KIND_", kinds.KINDS), ["NR_BTF_KINDS", kinds.KINDS.length]]);
  });

  test("linkages, encodings, headers and records", () => {
    expectEqual([
      ...inOrder("BTF_FUNC_", kinds.LINKAGES),
      ["BTF_MAGIC", kinds.BTF_MAGIC],
      ["BTF_VERSION", kinds.BTF_VERSION],
      ["sizeof(struct btf_header)", kinds.BTF_HEADER_SIZE],
      ["sizeof(struct bpf_func_info)", kinds.FUNC_INFO_SIZE],
      ["sizeof(struct bpf_line_info)", kinds.LINE_INFO_SIZE],
      ["sizeof(struct bpf_core_relo)", kinds.CORE_RELOCATION_SIZE],
      ...named(kinds, /^BTF_INT_/),
    ]);
  });

  test("kinds of CO-RE relocations, by libbpf's words for them", () => {
    const header: Readonly<Record<(typeof kinds.CORE_KINDS)[number], string>> = {
      byte_off: "FIELD_BYTE_OFFSET",
      byte_sz: "FIELD_BYTE_SIZE",
      field_exists: "FIELD_EXISTS",
      signed: "FIELD_SIGNED",
      lshift_u64: "FIELD_LSHIFT_U64",
      rshift_u64: "FIELD_RSHIFT_U64",
      local_type_id: "TYPE_ID_LOCAL",
      target_type_id: "TYPE_ID_TARGET",
      type_exists: "TYPE_EXISTS",
      type_size: "TYPE_SIZE",
      enumval_exists: "ENUMVAL_EXISTS",
      enumval_value: "ENUMVAL_VALUE",
      type_matches: "TYPE_MATCHES",
    };
    expectEqual(kinds.CORE_KINDS.map((word, value) => [`BPF_CORE_${header[word]}`, value]));
  });
});

test("opcodes that the headers of some system may lack", () => {
  expectDefined(named(opcodes, /^BPF_/));
});
