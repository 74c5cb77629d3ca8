import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Chain, GlobalValue, Program } from "../../../src/chain/index.ts";
import { openObject } from "../../../src/codegen/object/open.ts";
import { type ResolvedObject, resolvePrograms } from "../../../src/codegen/object/program.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { bytesOf, chainOf } from "../../support/chains.ts";
import { compile } from "../../support/objects.ts";

const object = (name: string): string => fileURLToPath(new URL(`../../bpf/.output/${name}.bpf.o`, import.meta.url));
const program = (name: string, rest: Partial<Program> = {}): Program => ({
  name,
  object: object(name),
  bytes: bytesOf(object(name)),
  ...rest,
});
const resolve = (chain: Chain) => resolvePrograms(chain, "call");

function messageOf(chain: Chain): string {
  try {
    resolve(chain);
  } catch (error) {
    if (error instanceof XdpgenError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("resolvePrograms", () => {
  it("takes an object's only XDP program, and the defaults", () => {
    const [resolved] = resolve(chainOf([program("globals")]));
    expect(resolved).toMatchObject({ function: "xdp_globals", priority: 50, proceedOn: ["pass"], frags: false });
  });

  it("knows a program for packets of several buffers", () => {
    expect(resolve(chainOf([program("frags")]))[0]!.frags).toBe(true);
  });

  it.each([
    ["?xdp", false],
    ["?xdp.frags", true],
  ])("takes a program that libbpf loads only when asked to, in section %s", (section, frags) => {
    const bytes = compile(
      `struct xdp_md; __attribute__((section("${section}"))) int f(struct xdp_md *ctx) { return 2; }`,
    );
    const [resolved] = resolve(chainOf([{ name: "p", object: "p.bpf.o", bytes }]));
    expect(resolved).toMatchObject({ function: "f", frags });
  });

  it("takes priority and proceed-on from .xdp_run_config, and lets the chain override them", () => {
    const [own, overridden] = resolve(
      chainOf([program("run-config"), program("run-config", { name: "b", priority: 3, proceedOn: ["tx"] })]),
    );
    expect(own).toMatchObject({ priority: 7, proceedOn: ["drop"] });
    expect(overridden).toMatchObject({ priority: 3, proceedOn: ["tx"] });
  });

  it("proceeds on PASS where .xdp_run_config does not say otherwise, as libxdp does", () => {
    const bytes = compile(`
      struct { int (*priority)[5]; int (*XDP_TX)[1]; } _f __attribute__((section(".xdp_run_config")));
      __attribute__((section("xdp"))) int f(void *ctx) { return 2; }`);
    const [resolved] = resolve(chainOf([{ name: "f", object: "f.bpf.o", bytes }]));
    expect(resolved).toMatchObject({ priority: 5, proceedOn: ["pass", "tx"] });
  });

  it("sets variables in a copy, also of a Buffer, as files are read into", () => {
    const bytes = Buffer.from(bytesOf(object("globals")));
    const hash = (globals: Record<string, GlobalValue>): string =>
      resolve(chainOf([program("globals", { bytes, globals })]))[0]!.hash;
    const plain = hash({});
    expect(hash({ step: 7 })).not.toBe(plain);
    expect(Buffer.from(bytesOf(object("globals"))).equals(bytes)).toBe(true);
    expect(hash({})).toBe(plain);
  });

  it("reads an object once, however often its chain is planned", () => {
    const chain = chainOf([program("globals")]);
    const [first, second] = [resolve(chain), resolve(chain)].map(([one]) => one as ResolvedObject);
    expect(second!.object).toBe(first!.object);
    const broken = new TextEncoder().encode("no ELF");
    for (const _ of [1, 2]) expect(() => openObject(broken)).toThrow(XdpgenError);
  });

  it("gives equal hashes to equal programs, and others to other globals", () => {
    const hash = (globals?: Record<string, GlobalValue>): string =>
      resolve(chainOf([program("globals", globals ? { globals } : {})]))[0]!.hash;
    expect(hash()).toMatch(/^[0-9a-f]{16}$/);
    expect(hash()).toBe(hash());
    expect(hash({ step: 4 })).not.toBe(hash());
  });

  it.each([
    ["two XDP programs", program("two"), /^two .*has 2 XDP programs: xdp_first, xdp_second; say which .*`function:`/],
    ["a misspelt function", program("two", { function: "xdp_frist" }), /did you mean xdp_first\?/],
    ["no XDP program", program("no-xdp"), /has no XDP program.* in section tc/],
    ["no ELF", program("globals", { bytes: new TextEncoder().encode("#!/bin/sh\n") }), /not an ELF/],
    ["an unread object", { name: "x", object: "x.o" }, /x \(x\.o\): the object has not been read/],
    ["a misspelt global", program("globals", { globals: { stepp: 1 } }), /no .* variable stepp; did you mean step\?/],
    ["a global too large", program("verdict", { globals: { mark: 256 } }), /mark has 8 bits; 256 does not fit/],
    [
      "a text for a number",
      program("verdict", { globals: { mark: "x" } }),
      /mark is an integer of 8 bits; "x" is none/,
    ],
    ["globals without BTF", program("no-btf", { globals: { step: 1 } }), /has no BTF; compile it with -g/],
  ] as const)("refuses %s", (_, wrong, message) => {
    expect(messageOf(chainOf([wrong]))).toMatch(message);
  });

  it("lets no program be an extension that has not the signature of a slot", () => {
    const bytes = compile(`
      __attribute__((section("xdp"))) int f(void *ctx) { return 2; }`);
    const odd = { name: "odd", object: "odd.bpf.o", bytes };
    expect(messageOf(chainOf([odd], { linkage: "freplace" }))).toMatch(/^odd .*must be `int f\(struct xdp_md \*ctx\)`/);
    expect(resolvePrograms(chainOf([odd]), "freplace")[0]!.linkage).toBe("call");
  });

  it("reports the mistakes of all programs at once", () => {
    const text = messageOf(chainOf([program("two"), program("globals"), program("no-xdp")]));
    expect(text.split("\n")).toHaveLength(2);
  });

  it("reads back the globals that it set", () => {
    const value = -5;
    const [resolved] = resolve(chainOf([program("verdict", { globals: { verdict: value, mark: 7 } })]));
    const elf = openObject((resolved as ResolvedObject).bytes).elf;
    const section = elf.sections.findIndex((s) => s.name === ".rodata");
    const symbol = elf.symbols.find((s) => s.name === "verdict" && s.section === section)!;
    const { data } = elf.sections[section]!;
    expect(new DataView(data.buffer, data.byteOffset).getInt32(symbol.value, true)).toBe(value);
  });
});
