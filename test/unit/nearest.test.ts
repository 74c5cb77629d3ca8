import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distance, nearest } from "../../src/nearest.ts";

describe("nearest", () => {
  const keys = ["chain", "interfaces", "mode", "linkage", "end", "programs", "priority", "proceed-on", "object"];
  it.each([
    ["priorty", "priority"],
    ["prioritiy", "priority"],
    ["proceed_on", "proceed-on"],
    ["proceedOn", "proceed-on"],
    ["prio", "priority"],
    ["ojbect", "object"],
    ["MODE", "mode"],
    ["interface", "interfaces"],
    ["linkge", "linkage"],
  ])("%s means %s", (word, meant) => {
    expect(nearest(word, keys)).toBe(meant);
  });

  it.each(["checks", "x", "", "bytecode", "weight"])("%j is near none", (word) => {
    expect(nearest(word, keys)).toBeUndefined();
  });

  it("is quick with a word of a megabyte", () => {
    expect(nearest("p".repeat(1 << 20), keys)).toBeUndefined();
  });
});

describe("distance", () => {
  it.each([
    ["", "abc", 3],
    ["abc", "acb", 1],
    ["kitten", "sitting", 3],
    ["ca", "abc", 3],
  ])("%s to %s is %i", (a, b, edits) => {
    expect(distance(a, b)).toBe(edits);
  });

  it("is symmetric, zero for equal words only, and at most the longer length", () => {
    const word = fc.string({ maxLength: 12, unit: fc.constantFrom("a", "b", "c") });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const edits = distance(a, b);
        expect(edits).toBe(distance(b, a));
        expect(edits === 0).toBe(a === b);
        expect(edits).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
        expect(edits).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
