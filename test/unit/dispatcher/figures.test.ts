/** What a dispatcher and its programs take of the kernel's limits: with the kernel's own figures in test/kernel/figures.test.ts. */
import { describe, expect, it } from "vitest";
import type { Linkage, Program } from "../../../src/chain/index.ts";
import {
  add64Imm,
  exit,
  jeqImm,
  ldxW,
  mov64Imm,
  mov64Reg,
  R0,
  R1,
  R10,
  R2,
  R3,
  stW,
  withLabel,
} from "../../../src/codegen/asm/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { chainOf, sampleProgram, testProgram } from "../../support/chains.ts";
import { compile } from "../../support/objects.ts";
import { objectOf } from "../../support/verdict-program.ts";

const figures = (linkage: Linkage, ...programs: readonly Program[]) =>
  synthesise(chainOf(programs, { linkage })).figures;

const source = (body: string): Uint8Array =>
  compile(`#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n${body}\nchar _license[] SEC("license") = "GPL";`);

const MAP = "{ __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); }";

/** Frames of 68, 40 and 8 bytes in a row, and a map and a function that nothing uses. */
const nested: Program = {
  name: "nested",
  object: "nested.bpf.o",
  bytes: source(`
    #define FRAME(bytes, at) volatile char a[bytes]; for (int i = 0; i < (bytes); i += 8) a[i] = (at)
    struct ${MAP} used SEC(".maps"), unused SEC(".maps");
    const volatile int limit = 3;
    static __attribute__((noinline)) int inner(int x) { FRAME(8, x); return a[x & 7] + limit; }
    static __attribute__((noinline)) int outer(int x) { FRAME(40, x); return inner(a[x & 7]) + 1; }
    __attribute__((noinline)) int nobody(int x) { return x + 1; }
    SEC("xdp") int xdp_nested(struct xdp_md *ctx) {
      __u32 key = 0;
      FRAME(64, ctx->rx_queue_index);
      return bpf_map_lookup_elem(&used, &key) && outer(a[ctx->rx_queue_index & 63]) > 7 ? XDP_PASS : XDP_DROP;
    }`),
};

describe("figures of a program", () => {
  it("count what its main function reaches: functions, maps and data sections that code uses, frames in a row", () => {
    const [found] = figures("call", nested, sampleProgram("echo")).programs;
    expect(found).toMatchObject({ program: "nested", functions: 3, maps: 2, frame: 68, stack: 96 + 64 + 32 });
  });

  it("are the same whatever its linkage", () => {
    const programs = [nested, testProgram("functions"), sampleProgram("counter")];
    const [call, inline, freplace] = (["call", "inline", "freplace"] as const).map((linkage) =>
      figures(linkage, ...programs),
    );
    expect(inline!.programs).toEqual(call!.programs);
    expect(freplace!.programs).toEqual(call!.programs);
  });

  it("count slots: an address takes two", () => {
    const bytes = objectOf("xdp_two", [mov64Imm(R0, 2), { ...mov64Imm(R2, 0), opcode: 0x18, immHigh: 0 }, exit()]);
    expect(figures("call", { name: "two", object: "two.bpf.o", bytes }).programs[0]!.instructions).toBe(4);
  });

  it("have no number for a frame that cannot be read from the code", () => {
    const code = [
      mov64Reg(R2, R10),
      withLabel("down", add64Imm(R2, -8)),
      stW(R2, 0, 0),
      ldxW(R3, R1, 0),
      jeqImm(R3, 0, "down"),
      mov64Imm(R0, 2),
      exit(),
    ];
    const bytes = objectOf("xdp_falling", code);
    const { programs, dispatcher } = figures(
      "call",
      { name: "falling", object: "f.bpf.o", bytes },
      sampleProgram("echo"),
    );
    expect(programs[0]).toMatchObject({ frame: null, stack: null });
    expect(programs[1]!.stack).toBeGreaterThan(0);
    expect(dispatcher).toMatchObject({ frame: 0, stack: null });
  });

  it("count all configuration as the one map that libbpf makes of it", () => {
    const bytes = source(`
      extern unsigned int CONFIG_HZ __kconfig __weak;
      extern _Bool CONFIG_SMP __kconfig __weak;
      SEC("xdp") int xdp_config(struct xdp_md *ctx) { return CONFIG_HZ > 100 && CONFIG_SMP ? XDP_PASS : XDP_DROP; }`);
    const config = { name: "config", object: "config.bpf.o", bytes };
    const { programs, dispatcher } = figures("call", config, { ...config, name: "again" });
    expect([programs[0]!.maps, programs[1]!.maps, dispatcher.maps]).toEqual([1, 1, 1]);
  });
});

describe("figures of a dispatcher", () => {
  const chain = [nested, sampleProgram("denylist"), sampleProgram("echo")];
  const sum = (key: "functions" | "maps" | "instructions", { programs }: ReturnType<typeof figures>): number =>
    programs.reduce((all, one) => all + one[key], 0);

  it("are what it links, with a function and a frame of its own", () => {
    const found = figures("call", ...chain);
    expect(found.dispatcher).toMatchObject({
      functions: 1 + sum("functions", found),
      maps: sum("maps", found),
      frame: 0,
      stack: 32 + 192,
    });
    expect(found.dispatcher.instructions).toBeGreaterThan(sum("instructions", found));
  });

  it("have main functions that are inlined in its own, and their frames too", () => {
    const found = figures("inline", ...chain);
    expect(found.dispatcher).toMatchObject({
      functions: 1 + sum("functions", found) - chain.length,
      maps: sum("maps", found),
      frame: 72 + 8,
      stack: 96 + 64 + 32,
    });
  });

  it("are those of its stubs where extensions replace them", () => {
    expect(figures("freplace", ...chain).dispatcher).toMatchObject({ functions: 4, maps: 0, frame: 0, stack: 64 });
  });

  it("are those of a program that is alone, whose dispatcher is none", () => {
    const found = figures("call", nested);
    expect({ program: "nested", ...found.dispatcher }).toEqual(found.programs[0]);
  });

  it("leave out what tail calls enter: programs of their own", () => {
    const program = { ...testProgram("map-of-programs"), function: "xdp_map_of_programs" };
    // The main functions of both, and `enter`; `alternate` is called by a program in the map.
    const found = figures("call", program, sampleProgram("echo"));
    expect(found.programs[0]).toMatchObject({ functions: 2, maps: 2 });
    expect(found.dispatcher.functions).toBe(1 + sum("functions", found));
  });

  it("have the map of the counters", () => {
    const counting = synthesise(chainOf(chain, { linkage: "call", counters: true })).figures;
    expect(counting.dispatcher.maps).toBe(1 + figures("call", ...chain).dispatcher.maps);
  });

  it("are what the limits are about", () => {
    const counters = (many: number): readonly Program[] =>
      Array.from({ length: many }, (_, k) => ({ ...sampleProgram("counter"), name: `p${k}` }));
    expect(figures("call", ...counters(32)).dispatcher).toMatchObject({ functions: 33, maps: 64 });
    expect(() => figures("call", ...counters(33))).toThrow(/use 66 maps/);
    // Programs that tail calls enter do not count, however many there are.
    const steps = Array.from({ length: 300 }, (_, k) => `step${k}`);
    const entered = source(`
      ${steps.map((name) => `SEC("xdp") int ${name}(struct xdp_md *ctx) { return XDP_DROP; }`).join("\n")}
      struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 300); __type(key, __u32);
        __array(values, int(struct xdp_md *)); } steps SEC(".maps") = { .values = { ${steps.map((name) => `&${name}`).join()} } };
      SEC("xdp") int xdp_enter(struct xdp_md *ctx) { bpf_tail_call(ctx, &steps, 1); return XDP_PASS; }`);
    const entering = { name: "enter", object: "enter.bpf.o", bytes: entered, function: "xdp_enter" };
    expect(figures("call", entering, nested).dispatcher).toMatchObject({ functions: 5, maps: 3 });
  });
});
