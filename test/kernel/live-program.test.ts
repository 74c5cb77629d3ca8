/**
 * Loaded programs, read back, against `bpftool prog dump xlated`: the same instructions at the same slots, the same functions,
 * callees, helpers, maps and source lines.
 */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  CALL,
  LD_IMM64,
  formatInstruction,
  type Instruction,
  slotOffsets,
} from "../../src/codegen/asm/index.ts";
import { XdpgenError } from "../../src/errors.ts";
import { attach, loadXdp, type LiveProgram, openKernel, readLiveProgram } from "../../src/loader/index.ts";
import { chainOf, sampleProgram } from "../support/chains.ts";
import { lacking } from "../support/kernel-differences.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { compile, distributionObjects } from "../support/objects.ts";
import { kernelMissing, Sample } from "../support/samples.ts";
import { veth } from "../support/veth.ts";
import { skipInShort } from "./cli/world.ts";

/** What bpftool and the kernel do to calls, maps and functions, all in one program. */
const EVERYTHING = `
  #define SEC(name) __attribute__((section(name), used))
  typedef unsigned int u32;
  typedef unsigned long long u64;
  struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
  struct { int (*type)[1]; u32 *key; u64 *value; int (*max_entries)[4]; } counts SEC(".maps");
  struct { int (*type)[3]; u32 *key; u32 *value; int (*max_entries)[4]; } next SEC(".maps");
  const volatile u32 limits[4] = { 1, 2, 3, 4 };
  volatile u64 total = 1;
  static void *(*lookup)(void *, const void *) = (void *)1;
  static u32 (*random)(void) = (void *)7;
  static u32 (*cpu)(void) = (void *)8;
  static long (*tail_call)(void *, void *, u32) = (void *)12;
  static int (*adjust_head)(struct xdp_md *, int) = (void *)44;
  #ifdef CALLBACK
  static long (*for_each)(void *, void *, void *, u64) = (void *)164;
  static long each(void *map, u32 *key, u64 *value, void *ctx) { total += *value; return 0; }
  #endif
  static __attribute__((noinline)) u32 local(u32 x) { total += x; return x * limits[2]; }
  __attribute__((noinline)) int global(u32 x) { return local(x) + random(); }
  SEC("xdp") int everything(struct xdp_md *ctx) {
    u32 key = ctx->rx_queue_index;
    u64 *n = lookup(&counts, &key);
    if (n) __sync_fetch_and_add(n, local(key) + cpu());
  #ifdef CALLBACK
    for_each(&counts, each, 0, 0);
  #endif
    adjust_head(ctx, 2);
    tail_call(ctx, &next, 1);
    tail_call(ctx, &next, key);
    return global(key) & 3;
  }
  char _license[] SEC("license") = "GPL";
`;

const bpftool = (...args: readonly string[]): string => execFileSync("bpftool", args, { encoding: "utf8" });
/** What bpftool says of a program, a map, or of all programs. */
const shown = (...args: readonly string[]): unknown => JSON.parse(bpftool("-j", ...args));

type Line = LiveProgram["lines"][number];

interface Listing {
  /** By slot, and so are the functions. */
  readonly instructions: ReadonlyMap<number, string>;
  readonly functions: ReadonlyMap<number, string>;
  readonly lines: readonly Line[];
}

/** bpftool prints a head for each function, `; TEXT [file:F line_num:L line_col:C]`, and `SLOT: (OPCODE) TEXT`. */
function listingOf(id: number): Listing {
  const instructions = new Map<number, string>();
  const functions = new Map<number, string>();
  const lines: Line[] = [];
  let head: string | undefined;
  let line: Omit<Line, "slot"> | undefined;
  for (const printed of bpftool("prog", "dump", "xlated", "id", `${id}`, "linum").split("\n")) {
    const source = /^; (.*) \[file:(.*) line_num:(\d+) line_col:(\d+)\]$/.exec(printed);
    const code = /^ *(\d+): (.*)$/.exec(printed);
    if (source) {
      const [, text = "", file = "", number, column] = source;
      line = { text: text.trim(), file, line: Number(number), column: Number(column) };
    } else if (code) {
      const slot = Number(code[1]);
      instructions.set(slot, code[2]!);
      if (head !== undefined) functions.set(slot, head);
      if (line) lines.push({ slot, ...line });
      head = line = undefined;
    } else {
      head = /(\w+)\(.*\):$/.exec(printed)?.[1];
    }
  }
  return { instructions, functions, lines };
}

/** The instruction in bpftool's words, which has names where we have comments. */
function inBpftoolsWords(i: Instruction): string {
  if (i.opcode === CALL && i.src === BPF_PSEUDO_CALL) return `(85) call pc+${i.imm}#${i.comment}`.replace("+-", "-");
  if (i.opcode === CALL && i.comment !== undefined) return `(85) call ${i.comment}#${i.imm}`;
  if (i.opcode !== LD_IMM64) return formatInstruction(i, "kernel");
  const load = `(18) r${i.dst} = `;
  switch (i.src) {
    case BPF_PSEUDO_MAP_FD:
      return `${load}map[id:${i.imm}]`;
    case BPF_PSEUDO_MAP_VALUE:
      return `${load}map[id:${i.imm}][0]+${i.immHigh}`;
    case BPF_PSEUDO_FUNC:
      return `${load}subprog[${i.imm < 0 ? "" : "+"}${i.imm}]`;
    default:
      return formatInstruction(i, "kernel");
  }
}

/** Callees have the name of their JIT image. Of what the kernel makes for itself, an old bpftool knows nothing. */
const withoutDecoration = (text: string): string =>
  text.replace(/#bpf_prog_[0-9a-f]{16}_/, "#").replace(/= &\(void __percpu \*\)\((r\d+)\)$/, "= $1");

function expectAgreement(id: number): LiveProgram {
  const live = readLiveProgram(id);
  const listing = listingOf(id);
  const offsets = slotOffsets(live.instructions);
  const ours = live.instructions.map((i, index) => [offsets[index]!, withoutDecoration(inBpftoolsWords(i))] as const);
  expect(ours).toEqual([...listing.instructions].map(([slot, text]) => [slot, withoutDecoration(text)]));
  const labels = live.instructions.flatMap(({ label }, index) =>
    label === undefined ? [] : [[offsets[index]!, label]],
  );
  if (listing.functions.size > 0) expect(labels).toEqual([...listing.functions]);
  expect(live.lines.map((line) => ({ ...line, text: line.text.trim() }))).toEqual(listing.lines);
  const known = shown("prog", "show", "id", `${id}`) as { name: string; type: string; tag: string };
  expect({ name: live.name, type: live.type, tag: live.tag }).toEqual({
    name: known.name.slice(0, 15),
    type: known.type,
    tag: known.tag,
  });
  for (const { opcode, src, imm, comment } of live.instructions) {
    if (opcode !== LD_IMM64 || (src !== BPF_PSEUDO_MAP_FD && src !== BPF_PSEUDO_MAP_VALUE)) continue;
    const { name } = shown("map", "show", "id", `${imm}`) as { name: string };
    expect(comment).toContain(`map ${name}, id ${imm}`);
  }
  return live;
}

describe.skipIf(kernelMissing())("a live program is read as bpftool reads it", () => {
  const kernel = openKernel();
  const openFds = (): number => readdirSync("/proc/self/fd").length;
  const before = openFds();
  // All that a test opened is closed when it ends: what is open then was left by a reader.
  afterAll(() => expect(openFds()).toBe(before));

  it.each(["counter", "denylist", "echo", "ratelimit", "traffic", "vlan-pop", "bench-tail"])("%s", (name) => {
    using sample = new Sample(kernel, name);
    for (const program of sample.object.programs) expectAgreement(kernel.programInfo(program.fd()).id);
  });

  it.for(distributionObjects().filter(([name]) => name.startsWith("xdpfilt_")))(
    "%s of xdp-tools",
    ([, elf], context) => {
      skipInShort(context, "the samples are read here, and these on the host");
      using program = loadXdp(elf);
      expectAgreement(kernel.programInfo(program.fd).id);
    },
  );

  it("calls of every kind, function addresses, maps and their values", () => {
    const without = lacking("function addresses, and helpers that call back");
    const callbacks = without === undefined;
    if (!callbacks) console.log(`SKIP callbacks: ${without}`);
    using program = loadXdp(compile(EVERYTHING, ...(callbacks ? ["-DCALLBACK"] : [])), "everything");
    const { instructions, lines } = expectAgreement(kernel.programInfo(program.fd).id);
    const comments = instructions.map(({ comment }) => comment);
    for (const name of ["local", "global", "bpf_xdp_adjust_head", ...(callbacks ? ["each"] : [])]) {
      expect(comments).toContain(name);
    }
    expect(comments.join("\n")).toMatch(/^map counts, id \d+$/m);
    expect(comments.join("\n")).toMatch(/^byte \d+ of map \w+\.rodata, id \d+$/m);
    expect(lines.map(({ text }) => text.trim())).toContain("tail_call(ctx, &next, key);");
  });

  it.for(runnableLinkages)("a dispatcher of linkage %s, and its programs", async (linkage, context) => {
    if (linkage !== "freplace") skipInShort(context, "seen here by freplace, and on the host by this linkage");
    using pair = veth("xlive");
    const chain = chainOf([sampleProgram("counter"), sampleProgram("denylist"), sampleProgram("echo")], { linkage });
    await using live = await attach(chain, pair.far);
    const { dispatcher, programs } = live.status();
    const { instructions } = expectAgreement(dispatcher.id);
    // Each function begins with its name; inlined programs are no functions.
    const functions = instructions.filter(({ label }) => label !== undefined).length;
    if (linkage === "inline") expect(functions).toBe(1);
    else expect(functions).toBeGreaterThan(2);
    for (const { id } of programs) if (id !== undefined) expectAgreement(id);
    await live.detach();
  });

  it("and one that is not there is said not to be", () => {
    const ids = (shown("prog", "show") as { id: number }[]).map(({ id }) => id);
    expect(() => readLiveProgram(Math.max(0, ...ids) + 100_000)).toThrow(XdpgenError);
  });
});
