/**
 * What a dispatcher costs, in instructions that a packet executes in it; those of the programs and stubs do not count. Where
 * they are inlined it is what they execute together, beyond what each does alone, and below 0 where exits are saved. Exact
 * on every machine, so a change here is a change of the code that is emitted: read it before you rewrite it with `-u`. What a
 * processor makes of them, returns and stubs included, is counted by `npm run bench -- instructions` against a baseline.
 */
import { expect, it } from "vitest";
import { type ObjectLinkage, OBJECT_LINKAGES } from "../../src/chain/index.ts";
import { type DispatcherImage, synthesise } from "../../src/codegen/index.ts";
import { canReturn } from "../../src/codegen/object/returns.ts";
import { caseNames, CASES, readCase } from "../support/chains.ts";
import { counterMemory } from "../support/counter-memory.ts";
import { dispatcherCode } from "../support/dispatcher-code.ts";
import { run } from "../support/interpreter.ts";
import { runSmall, smallAlone, withSmallPrograms } from "../support/small-program.ts";

/** What each program returns, or the first code that it can return where this one is none of them. */
const PACKETS = { pass: 2, drop: 1, "no verdict": 31 } as const;

function steps(image: DispatcherImage, code: number): number {
  if (image.slots[0]!.symbol === image.main) return 0;
  const returned = (symbol: string): number => {
    const { program } = image.plan.nodes[image.slots.findIndex((slot) => slot.symbol === symbol)]!;
    const any = program.linkage === "freplace" || canReturn(program.codes, code, code);
    return any ? code : (program.codes[0] as number);
  };
  const counters = counterMemory(image)?.options;
  return run(dispatcherCode(image.elf), { ...counters, calls: (symbol) => () => returned(symbol) }).steps;
}

const withCalls = (name: string, auto: ObjectLinkage): ((code: number) => number) => {
  const image = synthesise(readCase(name), { auto });
  return (code) => steps(image, code);
};

/** For small programs in the places of the chain's. */
const beyondPrograms = (name: string): ((code: number) => number) => {
  const image = synthesise(withSmallPrograms(readCase(name)));
  return (code) => {
    const { steps: together, ran } = runSmall(dispatcherCode(image.elf), code, counterMemory(image)?.options);
    return together - ran * smallAlone(code);
  };
};

it("executes as few instructions as written down", async () => {
  const columns = Object.keys(PACKETS).map((name) => name.padStart(12));
  const lines = [`${"instructions in the dispatcher".padEnd(34)}${columns.join("")}`];
  for (const name of caseNames()) {
    for (const linkage of OBJECT_LINKAGES) {
      const codes = Object.values(PACKETS);
      const counts = linkage === "inline" ? codes.map(beyondPrograms(name)) : codes.map(withCalls(name, linkage));
      lines.push(`${name.padEnd(24)}${linkage.padEnd(10)}${counts.map((n) => `${n}`.padStart(12)).join("")}`);
    }
  }
  await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(`${CASES}instructions.txt`);
});
