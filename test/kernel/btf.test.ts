/**
 * BTF where the kernel is a witness: its own types, read, shown, written and given back to it; and what libbpf and bpftool
 * make of the records of `.BTF.ext` when a program is loaded.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type Btf,
  type BtfType,
  type Member,
  type TypeId,
  btfStrings,
  decodeBtf,
  decodeBtfExt,
  encodeBtf,
  formatBtf,
  formatBtfExt,
  mergeBtf,
} from "../../src/codegen/btf/index.ts";
import { readElf } from "../../src/codegen/elf/index.ts";
import { openKernel } from "../../src/loader/index.ts";
import { bpftoolDump } from "../support/bpftool.ts";
import { throughClang } from "../support/btf-clang.ts";
import { CORE_SOURCE } from "../support/btf.ts";
import { withFile } from "../support/llvm.ts";
import { compile } from "../support/objects.ts";
import { Sample, kernelMissing, sampleObject } from "../support/samples.ts";
import { skipInShort } from "./cli/world.ts";

const VMLINUX = "/sys/kernel/btf/vmlinux";
const EMULATED = process.env["XDPGEN_VM"] !== undefined;

function section(object: Uint8Array, name: string): Uint8Array {
  return readElf(object).sections.find((one) => one.name === name)!.data;
}

const SLOW = "twelve megabytes of text take a minute in emulation; the same types are given back to the kernel below";

const kernel = openKernel();
const missing = kernelMissing();

describe.skipIf(!existsSync(VMLINUX))("the kernel's own types", () => {
  const bytes = new Uint8Array(readFileSync(VMLINUX));
  const btf = decodeBtf(bytes);
  const again = encodeBtf({ btf }).btf;

  it("are shown as bpftool shows them", (context) => {
    skipInShort(context, SLOW);
    // Compared as a whole first: the difference of two texts of twelve megabytes is nothing to print.
    const [ours, theirs] = [formatBtf(btf), bpftoolDump(bytes, "raw")];
    if (ours !== theirs) expect(ours.split("\n").slice(0, 1000)).toEqual(theirs.split("\n").slice(0, 1000));
    expect(ours === theirs).toBe(true);
    expect(btf.types.length).toBeGreaterThan(10_000);
  });

  it("are the same when written and read again, but for strings that no type uses", (context) => {
    skipInShort(context, SLOW);
    expect(formatBtf(decodeBtf(again)) === formatBtf(btf)).toBe(true);
    expect(bpftoolDump(again, "raw") === bpftoolDump(bytes, "raw")).toBe(true);
    const typesLength = (whole: Uint8Array): number => new DataView(whole.buffer).getUint32(12, true);
    expect(typesLength(again)).toBe(typesLength(bytes));
    expect(again.length).toBeLessThanOrEqual(bytes.length);
  });

  it("are the same bytes when written with the strings as they were", () => {
    expect(Buffer.compare(encodeBtf({ btf, strings: btfStrings(bytes) }).btf, bytes)).toBe(0);
  });

  it.skipIf(missing)("are loaded by the kernel, as we wrote them", () => {
    kernel.loadBtf(again)[Symbol.dispose]();
    // It does look: a struct of one byte less than its last member needs is refused.
    const id = btf.types.findIndex((type) => type.kind === "struct" && type.name === "task_struct");
    const types = btf.types.map((type, index) => (index === id && "size" in type ? { ...type, size: 8 } : type));
    expect(() => kernel.loadBtf(encodeBtf({ btf: { types } }).btf)).toThrow(/bpf_btf_load.*EINVAL/);
  });

  it("are C that clang reads as the same types", (context) => {
    context.skip(EMULATED, "clang reads the same C on every kernel, and takes minutes where it is emulated");
    // Every struct's size and offsets are checked; debug information, of bit fields above all, for some hundreds.
    const unique = withUniqueNames(btf);
    const compared = throughClang(unique, (type) => hasBitFields(unique, type) || isOneInFifty(type));
    expect(compared.length).toBeGreaterThan(300);
    expect(compared.filter(({ meant, read }) => meant !== read)).toEqual([]);
  }, 120_000);

  it("take in an object's types without a change", (context) => {
    context.skip(EMULATED, "merging asks nothing of the kernel");
    const object = decodeBtf(section(new Uint8Array(readFileSync(sampleObject("ratelimit"))), ".BTF"));
    const whole = ({ types }: Btf): TypeId[] => types.map((_, index) => index + 1);
    const merged = mergeBtf([
      { btf, roots: whole(btf) },
      { btf: object, roots: whole(object) },
    ]);
    expect(formatBtf({ types: merged.btf.types.slice(0, btf.types.length) }) === formatBtf(btf)).toBe(true);
    // clang and the kernel's compiler agree on few types, but on some.
    expect(merged.btf.types.length).toBeLessThan(btf.types.length + object.types.length);
    expect(merged.ids[1]!.size).toBe(object.types.length + 1);
  });
});

/** C's rule, which a kernel of many programs breaks. */
function withUniqueNames({ types }: Btf): Btf {
  const seen = new Set(["__builtin_va_list"]);
  const unique = (name: string): string => {
    let text = name;
    for (let nth = 2; text !== "" && seen.has(text); nth++) text = `${name}_nr${nth}`;
    seen.add(text);
    return text;
  };
  return {
    types: types.map((type): BtfType => {
      switch (type.kind) {
        case "enum":
          return { ...type, name: unique(type.name), values: type.values.map((v) => ({ ...v, name: unique(v.name) })) };
        case "enum64":
          return { ...type, name: unique(type.name), values: type.values.map((v) => ({ ...v, name: unique(v.name) })) };
        case "struct":
        case "union":
        case "typedef":
          return { ...type, name: unique(type.name) };
        default:
          return type;
      }
    }),
  };
}

/** Those of structs without a name, which belong to it, among them. */
function hasBitFields({ types }: Btf, type: BtfType): boolean {
  const isOrHas = ({ name, type: ref, bitSize }: Member): boolean => {
    const inner = types[ref - 1];
    return bitSize > 0 || (name === "" && inner !== undefined && hasBitFields({ types }, inner));
  };
  return (type.kind === "struct" || type.kind === "union") && type.members.some(isOrHas);
}

function isOneInFifty(type: BtfType): boolean {
  return "name" in type && Buffer.from(type.name).reduce((sum, byte) => sum + byte, 0) % 50 === 0;
}

describe.skipIf(missing)("records of .BTF.ext", () => {
  it("are the CO-RE relocations of libbpf's log", () => {
    const object = compile(CORE_SOURCE);
    // The program makes no sense; libbpf relocates it before the kernel says so.
    const { stdout, stderr } = withFile(object, (path) =>
      spawnSync("bpftool", ["-d", "prog", "load", path, "/sys/fs/bpf/xdpgen-test-core"], { encoding: "utf8" }),
    );
    const theirs = `${stdout}\n${stderr}`
      .split("\n")
      .flatMap((line) => /: relo #\d+: (<\w+> \[\d+\] .*)$/.exec(line)?.[1] ?? []);
    const btf = decodeBtf(section(object, ".BTF"));
    const ext = decodeBtfExt(section(object, ".BTF.ext"), section(object, ".BTF"));
    const ours = formatBtfExt({ ...ext, funcInfo: new Map(), lineInfo: new Map() }, btf)
      .split("\n")
      .flatMap((line) => /^\t\d+: (.*)$/.exec(line)?.[1] ?? []);
    expect(ours.length).toBeGreaterThan(12);
    expect(theirs).toEqual(ours);
  });

  it("are the lines that the kernel and bpftool show of a loaded program", () => {
    using sample = new Sample(kernel, "denylist");
    const id = /^prog_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${sample.fd()}`, "utf8"))![1]!;
    const theirs = execFileSync("bpftool", ["prog", "dump", "xlated", "id", id, "linum"], { encoding: "utf8" })
      .split("\n")
      .flatMap((line) => {
        const parts = /^; (.*) \[file:(.*) line_num:(\d+) line_col:(\d+)\]$/.exec(line);
        return parts ? [`${parts[2]}:${parts[3]}:${parts[4]}: ${parts[1]!.trim()}`] : [];
      });
    const object = new Uint8Array(readFileSync(sampleObject("denylist")));
    const { lineInfo } = decodeBtfExt(section(object, ".BTF.ext"), section(object, ".BTF"));
    const ours = lineInfo.get("xdp")!.map((l) => `${l.file}:${l.line}:${l.column}: ${l.text.trim()}`);
    expect(ours.length).toBeGreaterThan(20);
    expect(theirs).toEqual(ours);
  });
});
