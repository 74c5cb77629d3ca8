/** What programs that are loaded already ask of the chain that they join. */
import { describe, expect, it } from "vitest";
import type { Program } from "../../../src/chain/index.ts";
import { exit, mov64Imm, R0, R10, stW } from "../../../src/codegen/asm/index.ts";
import { planChain, synthesise } from "../../../src/codegen/index.ts";
import { checkLoaded } from "../../../src/codegen/plan/loaded.ts";
import { chainOf, testProgram } from "../../support/chains.ts";
import { objectOf } from "../../support/verdict-program.ts";

const loaded = (name: string, rest: Partial<Program> = {}): Program => ({
  name,
  pinned: `/sys/fs/bpf/${name}`,
  ...rest,
});
const many = (count: number, rest: Partial<Program> = {}): readonly Program[] =>
  Array.from({ length: count }, (_, k) => loaded(`p${k}`, { priority: k, ...rest }));
const facts = (frags: boolean, tailCalls = false) => ({ facts: { frags, tailCalls, attachType: "xdp" } as const });

describe("tail calls", () => {
  it.each([
    ["one for each loaded program", many(34), 34],
    ["two for one that makes some of its own", many(17, facts(false, true)), 34],
    ["one for an object that makes some", [...many(33), { ...testProgram("tail-call"), priority: 99 }], 34],
  ])("are counted: %s", (_, programs, count) => {
    const message = `a packet can make ${count} tail calls on its way`;
    expect(() => synthesise(chainOf(programs))).toThrow(message);
    expect(() => synthesise(chainOf(programs.slice(1)))).not.toThrow();
  });

  it("are those of the longest way, not of all programs", () => {
    const side = (name: string): readonly Program[] =>
      many(20).map((program, k) => {
        const next = k === 19 ? "return" : `${name}${k + 1}`;
        return { ...program, name: `${name}${k}`, priority: "none", on: { pass: next } };
      });
    const first = loaded("first", { on: { pass: "a0", drop: "b0" }, priority: 1 });
    const plan = planChain(chainOf([first, ...side("a"), ...side("b")]));
    expect(plan.nodes).toHaveLength(41);
    expect(() => checkLoaded(plan)).not.toThrow();
  });

  it("leave 256 bytes to the frames above them", () => {
    const deep = (bytes: number): Program => {
      const code = [stW(R10, -bytes, 1), mov64Imm(R0, 2), exit()];
      return { name: "deep", object: "deep.bpf.o", bytes: objectOf("deep", code), priority: 1 };
    };
    const linkages = (bytes: number) => {
      const plan = planChain(chainOf([deep(bytes), loaded("theirs")], { prefer: "speed" }));
      return plan.nodes.map(({ program }) => program.linkage);
    };
    expect(linkages(200)).toEqual(["inline", "tail"]);
    expect(linkages(208)).toEqual(["call", "tail"]);
  });
});

describe("packets of several buffers", () => {
  it("are for all programs of a chain or for none", () => {
    const chain = (...programs: readonly Program[]) => synthesise(chainOf(programs));
    const frags = loaded("a", facts(true));
    expect(() => chain(frags, loaded("b", facts(false)))).toThrow("a is loaded for packets of several buffers");
    expect(() => chain(frags, testProgram("verdict"))).toThrow(
      "verdict is not: no dispatcher can run both; compile it",
    );
    expect(() => chain(frags, testProgram("frags"))).not.toThrow();
    expect(() => chain(loaded("a", facts(false)), testProgram("frags"))).not.toThrow();
  });
});

describe("a program that is loaded without an attach type", () => {
  const theirs = loaded("theirs", { facts: { frags: false, tailCalls: false, attachType: "none" } });
  it("has no extensions beside it", () => {
    const chain = chainOf([theirs, testProgram("verdict")]);
    const [, verdict] = planChain(chain, { auto: "freplace" }).nodes.map(({ program }) => program);
    expect(verdict).toMatchObject({
      linkage: "call",
      because: expect.stringMatching(/^not freplace: theirs is loaded/),
    });
    expect(() => synthesise({ ...chain, linkage: "freplace" })).toThrow(
      "verdict: theirs is loaded without expected_attach",
    );
  });
});

it("an object of `build` names the map that its loader fills", () => {
  const { slots, manifest } = synthesise(chainOf([loaded("ids-of-theirs"), testProgram("verdict")]));
  expect(slots[0]).toMatchObject({ linkage: "tail", symbol: "ids_of_theirs", array: "tail_ids_of_theirs" });
  expect(slots[1]).not.toHaveProperty("array");
  expect(manifest.programs[0]).not.toHaveProperty("object");
});
