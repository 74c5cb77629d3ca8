import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tellApart } from "../../../src/codegen/link/names.ts";

describe("tellApart", () => {
  it.each([
    ["one user", [["a", "count"]], [], ["count"]],
    [
      "two users",
      [
        ["a", "count"],
        ["b-c", "count"],
      ],
      [],
      ["a_count", "b_c_count"],
    ],
    ["a name that the dispatcher has", [["a", "main"]], ["main"], ["a_main"]],
    [
      "a name that looks like an answer",
      [
        ["a", "x"],
        ["b", "x"],
        ["c", "a_x"],
      ],
      [],
      ["a_x_2", "b_x", "a_x"],
    ],
    [
      "two functions of one program",
      [
        ["a", "f"],
        ["a", "f"],
      ],
      [],
      ["a_f", "a_f_2"],
    ],
  ] as const)("%s", (_, wanted, taken, expected) => {
    const names = wanted.map(([program, name]) => ({ program, name }));
    expect(tellApart(names, new Set(taken))).toEqual(expected);
  });

  it("gives one name to what has one key", () => {
    const shared = (program: string) => ({ program, name: "stats", key: "pinned stats" });
    expect(tellApart([shared("a"), shared("b")], new Set())).toEqual(["stats", "stats"]);
  });

  it("never gives a name twice, nor one that is taken", () => {
    const name = fc.stringMatching(/^[a-c_]{1,5}$/);
    const wanted = fc.array(fc.record({ program: fc.constantFrom("a", "b", "a-b"), name }), { maxLength: 20 });
    fc.assert(
      fc.property(wanted, fc.uniqueArray(name), (list, taken) => {
        const names = tellApart(list, new Set(taken));
        expect(new Set(names).size).toBe(list.length);
        for (const n of names) expect(taken).not.toContain(n);
      }),
      { numRuns: 1000 },
    );
  });
});
