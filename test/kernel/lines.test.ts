/**
 * Line information: what bpftool, profilers and verifier logs say of the instructions of a live dispatcher. Its main function
 * has a line for each program of the chain and for each return; linked programs keep the lines of their own source files.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Chain } from "../../src/chain/index.ts";
import { originOf, synthesise } from "../../src/codegen/index.ts";
import { attach, detach, openKernel } from "../../src/loader/index.ts";
import { chainOf, sampleProgram, testProgram } from "../support/chains.ts";
import { jitedProgram } from "../support/jited.ts";
import { lacking } from "../support/kernel-differences.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { numbered } from "../support/verdict-program.ts";
import { type Veth, veth } from "../support/veth.ts";

let pair: Veth;
beforeEach(() => {
  pair = veth("xlines");
});
afterEach(async () => {
  await detach(pair.far);
  pair[Symbol.dispose]();
});

/** One instruction of a function as bpftool prints it, and the source line that it stands under. */
interface DumpedInstruction {
  readonly function: string;
  readonly text: string;
  readonly source: string;
  readonly file: string;
  readonly line: number;
}

function dump(id: number): readonly DumpedInstruction[] {
  const text = execFileSync("bpftool", ["prog", "dump", "xlated", "id", `${id}`, "linum"], { encoding: "utf8" });
  let at = { function: "", source: "", file: "", line: 0 };
  return text.split("\n").flatMap((row) => {
    const name = /^\S.* (\w+)\(.*\):$/.exec(row)?.[1];
    if (name !== undefined) at = { function: name, source: "", file: "", line: 0 };
    const record = /^; (.*) \[file:(.*) line_num:(\d+) line_col:\d+\]$/.exec(row);
    if (record) at = { ...at, source: record[1]!, file: record[2]!, line: Number(record[3]) };
    const instruction = /^ +\d+: \([0-9a-f]{2}\) (.*)$/.exec(row)?.[1];
    return instruction === undefined ? [] : [{ ...at, text: instruction }];
  });
}

/** The instructions of a function, each line with what stands under it. */
function under(dumped: readonly DumpedInstruction[], name: string): readonly (readonly [string, readonly string[]])[] {
  const lines: [string, string[]][] = [];
  for (const { source, text } of dumped.filter((i) => i.function === name)) {
    if (lines.at(-1)?.[0] !== source) lines.push([source, []]);
    lines.at(-1)![1].push(text.replace(/bpf_prog_\w{16}_/, ""));
  }
  return lines;
}

async function attached(chain: Chain) {
  const live = await attach(chain, pair.far);
  const { id } = live.status().dispatcher;
  return { live, dumped: dump(id) };
}

/** Of inlined programs the lines are their own. */
const entered = runnableLinkages.filter((linkage) => linkage !== "inline");

describe.each(entered)("linkage %s", (linkage) => {
  it("every instruction of the dispatcher stands under the program that it serves, or under its return", async () => {
    const programs = [
      numbered(1, { name: "denylist", proceedOn: ["pass", "drop"] }),
      numbered(2, { name: "balancer", proceedOn: ["tx"] }),
      numbered(3, { name: "ids" }),
    ];
    const { live, dumped } = await attached(chainOf(programs, { name: "edge", linkage, end: "drop" }));
    await using _ = live;
    const main = dumped.filter((i) => i.function === "xdpgen_edge");
    expect(new Set(main.map((i) => i.file))).toEqual(new Set(["chain edge"]));
    const lines = under(dumped, "xdpgen_edge");
    expect(lines.map(([source]) => source.replace(/:.*/, ""))).toEqual([
      "denylist",
      "balancer",
      "ids",
      "return drop",
      "return",
    ]);
    expect(lines[0]![0]).toBe("denylist: drop|pass -> balancer, else return");
    expect(main.map((i) => i.line)).toEqual(main.map((i) => 1 + lines.findIndex(([source]) => source === i.source)));
    for (const [index, [, block]] of lines.entries()) {
      const calls = block.filter((text) => text.startsWith("call"));
      const slot = linkage === "call" ? `verdict_${index + 1}` : ["denylist", "balancer", "ids"][index];
      expect(calls.map((text) => text.replace(/.*#/, ""))).toEqual(index < 3 ? [slot] : []);
      // A program's line has its call and the compares after it; what is no program's has neither.
      expect(block.some((text) => text.startsWith("if"))).toBe(index < 3);
    }
    expect(lines[3]![1]).toEqual(["r0 = 1"]);
    expect(lines[4]![1]).toEqual(["exit"]);
  });
});

describe.each(runnableLinkages)("linkage %s", (linkage) => {
  it("the JIT keeps a place for each line", async () => {
    const { live } = await attached(chainOf([numbered(1), numbered(2)], { linkage }));
    await using _ = live;
    using program = openKernel().programById(live.status().dispatcher.id);
    const { functions, lines, lineCount } = jitedProgram(program.number);
    expect(functions).toHaveLength(linkage === "inline" ? 1 : 3);
    expect(lines).toHaveLength(lineCount);
    expect(lineCount).toBeGreaterThanOrEqual(4);
    for (const { address, length } of functions) {
      const own = lines.filter((line) => line >= address && line < address + BigInt(length));
      expect(own[0]).toBe(address);
      expect(own).toEqual([...new Set(own)].toSorted((a, b) => Number(a - b)));
    }
    expect(functions.flatMap((f) => lines.filter((l) => l >= f.address && l < f.address + BigInt(f.length)))).toEqual(
      lines,
    );
  });
});

it("an inlined program stands under its own lines, behind the line that names it", async () => {
  const programs = [numbered(1, { name: "denylist" }), numbered(2, { name: "balancer" })];
  const { live, dumped } = await attached(chainOf(programs, { name: "edge", linkage: "inline" }));
  await using _ = live;
  expect(new Set(dumped.map((i) => i.function))).toEqual(new Set(["xdpgen_edge"]));
  const named = dumped.map((i) => (i.file === "chain edge" ? i.source.replace(/:.*/, "") : i.file));
  const order = named.filter((name, at) => name !== named[at - 1]);
  const [denylist, balancer] = ["denylist", "balancer"].map((name) => order.indexOf(name));
  expect(order[denylist! + 1]).toBe("verdict-program.ts");
  expect(order[balancer! + 1]).toBe("verdict-program.ts");
  expect(balancer).toBeGreaterThan(denylist! + 1);
});

it("linked programs stand under the lines of their own source files, as these files have them", async () => {
  const chain = chainOf([sampleProgram("counter"), sampleProgram("ratelimit")], { name: "edge", linkage: "call" });
  const { live, dumped } = await attached(chain);
  await using _ = live;
  for (const [name, entry] of [
    ["counter", "xdp_counter"],
    ["ratelimit", "xdp_ratelimit"],
  ] as const) {
    const source = readFileSync(fileURLToPath(new URL(`../../bpf/${name}.bpf.c`, import.meta.url)), "utf8").split("\n");
    // Line 0 is clang's word for code of no line.
    const own = dumped.filter((i) => i.function === entry && i.file.endsWith(`${name}.bpf.c`) && i.line > 0);
    expect(new Set(own.map((i) => i.line)).size).toBeGreaterThan(5);
    for (const { line, source: text } of own) expect(source[line - 1]!.trim()).toBe(text.trim());
  }
});

it("the verifier names the line of the program that it refuses", async () => {
  const source = readFileSync(fileURLToPath(new URL("../bpf/rejected.bpf.c", import.meta.url)), "utf8").split("\n");
  const wrong = source.findIndex((text) => text.includes("packet[13]"));
  const chain = chainOf([numbered(1), testProgram("rejected"), numbered(2)], { linkage: "call" });
  await expect(attach(chain, pair.far)).rejects.toMatchObject({
    code: "program-rejected",
    message: expect.stringContaining(source[wrong]!.trim()),
  });
});

it("the error names program and line where the whole is refused, though each program is fine alone", async () => {
  const source = readFileSync(fileURLToPath(new URL("../bpf/unscalar.bpf.c", import.meta.url)), "utf8").split("\n");
  const line = 1 + source.findIndex((text) => text.includes("return ctx->data;"));
  const chain = chainOf([numbered(1), testProgram("unscalar"), numbered(2)], { linkage: "call" });
  await expect(attach(chain, pair.far)).rejects.toMatchObject({
    code: "program-rejected",
    message: expect.stringMatching(
      new RegExp(
        `^program unscalar \\(.*\\) is fine alone and refused in its place in chain test: ` +
          `function xdp_unscalar, at \\./test/bpf/unscalar\\.bpf\\.c:${line}: return ctx->data;\nthe kernel's verifier refuses`,
      ),
    ),
  });
});

it("functions lie in the kernel where the origin of an instruction is looked for", async () => {
  const without = lacking("function addresses, and helpers that call back");
  if (without !== undefined) console.log(`SKIP callbacks: ${without}`);
  const names = ["globals", ...(without === undefined ? ["callback"] : []), "hidden"];
  const chain = chainOf(names.map(testProgram), { linkage: "call" });
  const { live, dumped } = await attached(chain);
  await using _ = live;
  const image = synthesise(chain);
  const named: string[] = [];
  for (let at = 0, origin = originOf(image, at); origin; origin = originOf(image, ++at)) named.push(origin.function);
  expect([...new Set(named)]).toEqual([...new Set(dumped.map((i) => i.function))]);
});
