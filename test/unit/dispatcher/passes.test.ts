import { expect, it } from "vitest";
import type { Program } from "../../../src/chain/index.ts";
import { exit, type Instruction, mov32Imm, R0 } from "../../../src/codegen/asm/index.ts";
import { buildDispatcher, planChain, synthesise } from "../../../src/codegen/index.ts";
import { caseNames, chainOf, readCase, testProgram } from "../../support/chains.ts";
import { withSmallPrograms } from "../../support/small-program.ts";
import { objectOf } from "../../support/verdict-program.ts";

/** The text below a heading. */
function part(passes: string, name: string): string {
  const found = passes.split(/^# /m).find((text) => text.startsWith(`${name}\n`));
  expect(found, `part ${name} of\n${passes}`).toBeDefined();
  return found!.slice(name.length + 1).trimEnd();
}

function assembled(name: string, code: readonly Instruction[]): Program {
  return { name, object: `${name}.bpf.o`, bytes: objectOf(name, code) };
}

it("name what a pass over blocks takes away", () => {
  const pass = [mov32Imm(R0, 2), exit()];
  const { passes } = synthesise(chainOf([assembled("a", pass), assembled("b", pass)], { linkage: "inline" }));
  // Each exit leads where its code leads, so nothing comes to the block that returns a program's own code.
  expect(part(passes, "blocks")).toContain("\nreturn: // return\n");
  expect(part(passes, "unreached")).toBe("return: gone");
});

it("show what a trace writes down, in front of the first program and behind each", () => {
  const plan = planChain(readCase("linear"));
  const { passes, listing } = buildDispatcher(plan, { trace: true });
  expect(part(passes, "trace").match(/^ {4}r1 = \.data\.xdpgen_trace.*$/gm)).toHaveLength(plan.nodes.length + 1);
  expect(part(passes, "instructions")).toBe(listing.trimEnd());
});

it("say of each program how it is bound and why", () => {
  const long = chainOf([testProgram("tail-call"), testProgram("action")], { prefer: "speed" });
  expect(part(synthesise(long).passes, "settle")).toMatch(
    /^tail-call: call, not inline: .*tail call.*\naction: inline$/,
  );
  const declared = chainOf([testProgram("action")], { linkage: "freplace", end: "drop" });
  const { passes } = synthesise(declared);
  expect(part(passes, "settle")).toBe("action: freplace, as declared");
  expect(part(passes, "bind")).toBe("action: the stub action, returns any code");
});

it("decide what the instructions then do, for every chain of test/cases", () => {
  for (const name of caseNames()) {
    for (const chain of [readCase(name), withSmallPrograms(readCase(name))]) {
      const { passes } = synthesise(chain);
      if (passes.includes("\n# alone\n")) continue;
      const compares = part(passes, "decide").match(/^ {4}.*$/gm) ?? [];
      const instructions = part(passes, "instructions").split("\n");
      for (const compare of compares) expect(instructions, `${name}: ${compare}`).toContain(compare);
    }
  }
});
