/** The order is a pure function of the declaration, and what a program says of itself moves nobody else. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Program } from "../../../src/chain/index.ts";
import { type Orders, orderPrograms } from "../../../src/codegen/plan/order.ts";
import { chainOf } from "../../support/chains.ts";

/** A program of an order: `own` is its object's priority, which counts where none is declared. */
interface Member extends Pick<Program, "name" | "before" | "after"> {
  readonly priority?: number;
  readonly own?: number;
}

const effective = ({ priority, own }: Member): number => priority ?? own ?? 50;

function orders(members: readonly Member[]): Orders {
  const programs = members.map((member): Program => {
    const { own: _, ...rest } = member;
    return { ...rest, object: "a.o" };
  });
  return orderPrograms(chainOf(programs), members.map(effective));
}

const names = (members: readonly Member[]): readonly string[] =>
  orders(members).main.map((index) => members[index]!.name);

const NAMES = ["a", "b", "c", "d", "e", "f", "g"];
const priority = fc.option(fc.constantFrom(10, 20, 50, 70), { nil: undefined });
const some = fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.subarray(NAMES, { minLength: 1, maxLength: 2 }));

/** Orders without a contradiction. */
const sound = fc
  .tuple(
    fc.shuffledSubarray(NAMES, { minLength: 1 }),
    fc.array(fc.tuple(priority, priority, some, some), { minLength: 7 }),
  )
  .map(([present, drawn]) =>
    present.map((name, index): Member => {
      const [declared, own, before, after] = drawn[index]!;
      const others = (list: readonly string[]): readonly string[] =>
        list.filter((other) => other !== name && present.includes(other));
      return {
        name,
        ...(declared !== undefined && { priority: declared }),
        ...(own !== undefined && { own }),
        ...(others(before).length > 0 && { before: others(before) }),
        ...(others(after).length > 0 && { after: others(after) }),
      };
    }),
  )
  .filter((members) => orders(members).mistakes.length === 0);

const constraints = (members: readonly Member[]): readonly (readonly [string, string])[] =>
  members.flatMap(({ name, before = [], after = [] }) => [
    ...before.map((other) => [name, other] as const),
    ...after.map((other) => [other, name] as const),
  ]);

const always = (check: (members: readonly Member[]) => void): void =>
  fc.assert(fc.property(sound, check), { numRuns: 2000 });

describe("always", () => {
  it("every program has one place, and every constraint holds", () => {
    always((members) => {
      const order = names(members);
      expect(order.toSorted()).toEqual(members.map(({ name }) => name).toSorted());
      for (const [first, second] of constraints(members))
        expect(order.indexOf(first), `${first} before ${second}`).toBeLessThan(order.indexOf(second));
    });
  });

  it("declared priorities are in order, and equal ones that no constraint orders as they are declared", () => {
    always((members) => {
      const order = names(members);
      const declared = members.filter((member) => member.priority !== undefined);
      const run = declared.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
      expect(run.map((member) => member.priority)).toEqual(run.map((m) => m.priority!).toSorted((a, b) => a - b));
      const bound = new Set(constraints(members).flat());
      const ties = (of: readonly Member[]): readonly string[] =>
        of.flatMap(({ name, priority: at }) => (at === 20 && !bound.has(name) ? [name] : []));
      expect(ties(run)).toEqual(ties(declared));
    });
  });

  it("programs that no constraint is about run by priority, and equal ones as they are declared", () => {
    always((members) => {
      const bound = new Set(constraints(members).flat());
      const free = members.filter(({ name }) => !bound.has(name));
      const sorted = free.toSorted((a, b) => effective(a) - effective(b)).map(({ name }) => name);
      expect(names(members).filter((name) => !bound.has(name))).toEqual(sorted);
    });
  });

  it("a program that no constraint is about moves no other", () => {
    always((members) => {
      const bound = new Set(constraints(members).flat());
      for (const { name } of members.filter((member) => !bound.has(member.name))) {
        const rest = members.filter((member) => member.name !== name);
        expect(names(members).filter((other) => other !== name)).toEqual(names(rest));
      }
    });
  });

  it("a program without a declared priority that nobody names moves no other, if there is a place for it", () => {
    always((members) => {
      const named = new Set(members.flatMap(({ before = [], after = [] }) => [...before, ...after]));
      for (const { name, before = [], after = [], priority: declared } of members) {
        if (named.has(name) || declared !== undefined) continue;
        const rest = names(members.filter((member) => member.name !== name));
        const last = Math.max(-1, ...after.map((other) => rest.indexOf(other)));
        const first = Math.min(rest.length, ...before.map((other) => rest.indexOf(other)));
        if (last > first) continue;
        expect(names(members).filter((other) => other !== name)).toEqual(rest);
      }
    });
  });

  it("neither names nor the order within a list count", () => {
    always((members) => {
      const renamed = (name: string): string => String.fromCodePoint(0xdb - name.codePointAt(0)!);
      const reversed = (list: readonly string[] = []): readonly string[] => list.map(renamed).toReversed();
      const others = members.map((member): Member => ({
        ...member,
        name: renamed(member.name),
        before: reversed(member.before),
        after: reversed(member.after),
      }));
      expect(names(others).map(renamed)).toEqual(names(members));
    });
  });
});

const at = (name: string, rest: Omit<Member, "name"> = {}): Member => ({ name, ...rest });

describe("a program that must move", () => {
  it.each<[string, readonly Member[], string]>([
    [
      "before a declared priority",
      [at("a", { priority: 10 }), at("b", { priority: 20 }), at("x", { before: ["a"] })],
      "xab",
    ],
    ["before a default", [at("a"), at("b"), at("x", { before: ["a"] })], "xab"],
    [
      "after a declared priority",
      [at("x", { after: ["a"] }), at("b", { priority: 80 }), at("a", { priority: 70 })],
      "axb",
    ],
    ["before the first of several", [at("a"), at("b"), at("c"), at("x", { before: ["c", "b"] })], "axbc"],
    ["after the last of several", [at("x", { after: ["a", "b"] }), at("a"), at("b"), at("c")], "abxc"],
    ["stays where it fits", [at("a", { priority: 10 }), at("b"), at("x", { after: ["a"] })], "abx"],
    ["next to one that moved", [at("a"), at("b", { before: ["a"] }), at("x", { before: ["b"] })], "xba"],
    ["beside another, by priority", [at("a"), at("x", { before: ["a"], own: 70 }), at("y", { before: ["a"] })], "yxa"],
    ["when it is named by a declared priority", [at("a"), at("b"), at("x", { priority: 60, before: ["a"] })], "bxa"],
    [
      "among equal declared priorities",
      ["a", "b", "x"].map((n) => at(n, { priority: 9, ...(n === "x" && { before: ["a"] }) })),
      "xab",
    ],
    ["when two name each other", [at("y", { after: ["x"] }), at("b"), at("x", { before: ["y"] })], "xyb"],
    [
      "when a third one asks it to",
      [at("a"), at("b", { priority: 70 }), at("x", { after: ["b"], before: ["a"] })],
      "bxa",
    ],
  ])("%s", (_, members, order) => {
    expect(names(members).join("")).toBe(order);
  });
});
