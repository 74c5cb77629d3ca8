import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACTIONS, type Action, LINKAGES, type Program } from "../../../src/chain/index.ts";
import { type DispatcherImage, synthesise } from "../../../src/codegen/index.ts";
import { chainOf } from "../../support/chains.ts";
import { chainOfGraph, graphs } from "../../support/graphs.ts";
import { dispatcherCode } from "../../support/dispatcher-code.ts";
import { run } from "../../support/interpreter.ts";
import { type Outcome, runModel } from "../../support/model.ts";
import { boundedObject, verdictObject } from "../../support/verdict-program.ts";

/** Actions, the code with a meaning, and codes that are no action. */
const CODES = [0, 1, 2, 3, 4, 5, 17, 31, 32, 33, 63, 255, 0x7fffffff, 0x80000000, 0xffffffff];

interface Case {
  readonly end: "verdict" | Action;
  readonly programs: readonly (Program & { readonly priority: number; readonly proceedOn: readonly Action[] })[];
  /** One vector of codes for each packet. */
  readonly packets: readonly (readonly number[])[];
}

const proceedOn = fc.subarray([...ACTIONS], { minLength: 1 });
const ends = fc.constantFrom("verdict" as const, ...ACTIONS);

/** Programs of which any code can come, or programs whose objects show which codes they return. */
const chains: fc.Arbitrary<Case> = fc.integer({ min: 1, max: 12 }).chain((n) =>
  fc
    .record({
      end: ends,
      priorities: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: n, maxLength: n }),
      proceed: fc.array(proceedOn, { minLength: n, maxLength: n }),
      codes: fc.array(fc.option(fc.uniqueArray(fc.constantFrom(...CODES), { minLength: 1, maxLength: 4 })), {
        minLength: n,
        maxLength: n,
      }),
      picks: fc.array(fc.array(fc.nat(1000), { minLength: n, maxLength: n }), { minLength: 1, maxLength: 20 }),
    })
    .map(({ end, priorities, proceed, codes, picks }) => ({
      end,
      programs: priorities.map((priority, k) => ({
        name: `p${k}`,
        object: `p${k}.bpf.o`,
        bytes: codes[k] ? boundedObject(k, codes[k]) : verdictObject(k),
        priority,
        proceedOn: proceed[k]!,
      })),
      packets: picks.map((row) => row.map((pick, k) => (codes[k] ?? CODES)[pick % (codes[k] ?? CODES).length]!)),
    })),
);

/** What the emitted bytes do when each program returns its code. */
function interpret(image: DispatcherImage, codes: ReadonlyMap<string, number>): Outcome {
  const [first] = image.slots;
  if (image.slots.length === 1 && first!.symbol === image.main) {
    return { path: [first!.program], verdict: codes.get(first!.program)! };
  }
  const path: string[] = [];
  const { code } = run(dispatcherCode(image.elf), {
    args: [0x1234],
    calls: (symbol) => (args) => {
      const { program } = image.slots.find((slot) => slot.symbol === symbol)!;
      expect(args[0]).toBe(0x1234n);
      path.push(program);
      // The upper half of R0 is the program's own affair.
      return BigInt(codes.get(program)!) | 0xdead_0000_0000n;
    },
  });
  return { path, verdict: code };
}

describe("the emitted dispatcher", () => {
  it.each(LINKAGES)("does what the reference model does, linkage %s", (auto) => {
    fc.assert(
      fc.property(chains, ({ end, programs, packets }) => {
        const image = synthesise(chainOf(programs, { end }), { auto });
        for (const packet of packets) {
          const codes = new Map(packet.map((code, k) => [`p${k}`, code]));
          expect(interpret(image, codes)).toEqual(runModel({ end, programs }, codes));
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each(LINKAGES)("does so on any graph, linkage %s", (auto) => {
    // Of some programs any code can come; of others their objects show which.
    const bounded = fc.array(fc.option(fc.uniqueArray(fc.constantFrom(...CODES), { minLength: 1, maxLength: 4 })));
    const rows = fc.array(fc.infiniteStream(fc.nat(1000)), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(graphs(64), bounded, rows, (graph, codes, packets) => {
        const chain = chainOfGraph(graph, (rank) => codes[rank] ?? undefined);
        const image = synthesise(chain, { auto });
        for (const packet of packets) {
          const returned = new Map(
            graph.programs.map(({ name, rank }) => {
              const possible = codes[rank] ?? CODES;
              return [name, possible[packet.next().value % possible.length]!];
            }),
          );
          expect(interpret(image, returned)).toEqual(runModel(chain, returned));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("executes the same bytes whatever the order in which equal declarations are made", () => {
    const program = (name: string, priority: number): Program => ({
      name,
      object: name,
      bytes: verdictObject(0),
      priority,
    });
    const one = synthesise(chainOf([program("a", 1), program("b", 2)]));
    const other = synthesise(chainOf([program("b", 2), program("a", 1)]));
    expect(one.listing).toBe(other.listing);
  });
});
