import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACTIONS, NO_VERDICT } from "../../../src/chain/chain.ts";
import { type Decision, decide } from "../../../src/codegen/dispatcher/decide.ts";
import { canReturn, type ReturnCodes } from "../../../src/codegen/object/returns.ts";
import type { Outcome } from "../../../src/codegen/plan/plan.ts";

const OUTCOMES: readonly Outcome[] = [...ACTIONS, "no-verdict", "other"];

function outcomeOf(code: number): Outcome {
  return ACTIONS[code] ?? (code === NO_VERDICT ? "no-verdict" : "other");
}

/** What the processor does with a decision list. */
function execute({ tests, otherwise }: Decision, code: number): string {
  const holds = {
    jeq: (v: number) => code === v,
    jne: (v: number) => code !== v,
    jgt: (v: number) => code > v,
    jle: (v: number) => code <= v,
    jset: (v: number) => (code & v) !== 0,
  };
  return tests.find((t) => holds[t.comparison](t.value))?.target ?? otherwise;
}

const CODES = [0, 1, 2, 3, 4, 5, 17, 30, 31, 32, 33, 255, 0x7fffffff, 0x80000000, 0xffffffff];
const edges = fc.record(
  Object.fromEntries(OUTCOMES.map((o) => [o, fc.constantFrom("next", "return", "drop", "ids")])) as Record<
    Outcome,
    fc.Arbitrary<string>
  >,
);
const codes: fc.Arbitrary<ReturnCodes> = fc.oneof(
  fc.constant("any" as const),
  fc.uniqueArray(fc.constantFrom(...CODES), { minLength: 1 }),
);
const run = (e: Record<Outcome, string>, c: ReturnCodes, next: string): Decision =>
  decide(e, (first, last) => canReturn(c, first, last), next);

describe("decide", () => {
  it("sends every code that can come where its edge leads", () => {
    fc.assert(
      fc.property(edges, codes, fc.constantFrom("next", "return"), (e, c, next) => {
        const decision = run(e, c, next);
        for (const code of c === "any" ? CODES : c) expect(execute(decision, code)).toBe(e[outcomeOf(code)]);
      }),
    );
  });

  it("needs no test where all codes lead to one place", () => {
    const e = Object.fromEntries(OUTCOMES.map((o) => [o, "next"])) as Record<Outcome, string>;
    expect(run(e, "any", "next")).toEqual({ tests: [], otherwise: "next" });
  });

  const linear = (...proceedOn: string[]): Record<Outcome, string> =>
    Object.fromEntries(
      OUTCOMES.map((o) => [o, o === "no-verdict" || proceedOn.includes(o) ? "next" : "return"]),
    ) as Record<Outcome, string>;

  it.each([
    { proceedOn: ["pass"], codes: "any", tests: ["jeq 2 next", "jne 31 return"] },
    { proceedOn: ["pass"], codes: [1, 2], tests: ["jeq 1 return"] },
    { proceedOn: ["aborted", "drop", "pass"], codes: "any", tests: ["jle 2 next", "jne 31 return"] },
    { proceedOn: ["drop", "tx"], codes: [1, 2, 3, 4], tests: ["jset 1 next"], otherwise: "return" },
    { proceedOn: ["pass"], codes: [2, 31], tests: [] },
  ] as const)("$proceedOn with codes $codes takes $tests", (row) => {
    const decision = run(linear(...row.proceedOn), row.codes, "next");
    expect(decision.tests.map((t) => `${t.comparison} ${t.value} ${t.target}`)).toEqual(row.tests);
    expect(decision.otherwise).toBe("otherwise" in row ? row.otherwise : "next");
  });

  it("is never longer than one comparison for each code that is named", () => {
    fc.assert(
      fc.property(fc.subarray([...ACTIONS]), (proceedOn) => {
        const { tests, otherwise } = run(linear(...proceedOn), "any", "next");
        const naive = proceedOn.length + 1 + 1;
        expect(tests.length + (otherwise === "next" ? 0 : 1)).toBeLessThanOrEqual(naive);
      }),
    );
  });
});
