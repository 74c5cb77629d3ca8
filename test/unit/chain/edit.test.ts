import { describe, expect, it } from "vitest";
import {
  type Chain,
  checkedChain,
  editable,
  type Program,
  requireChain,
  validateChain,
  withoutProgram,
  withProgram,
} from "../../../src/chain/index.ts";

const chain = requireChain(
  "chain: edge\nprograms:\n  - { name: denylist, object: d.o }\n  - { name: counter, object: c.o }\n",
  "chain.yaml",
);
const names = ({ programs }: Chain): readonly string[] => programs.map(({ name }) => name);

describe("withProgram", () => {
  it("adds at the end and leaves the old chain as it was", () => {
    expect(names(withProgram(chain, { name: "echo", object: "e.o" }))).toEqual(["denylist", "counter", "echo"]);
    expect(names(chain)).toEqual(["denylist", "counter"]);
  });

  it("replaces the program of the same name in its place", () => {
    const next = withProgram(chain, { name: "denylist", object: "new.o", priority: 1 });
    expect(next.programs[0]).toEqual({ name: "denylist", object: "new.o", priority: 1 });
    expect(names(next)).toEqual(names(chain));
  });

  it("refuses what chain.yaml would refuse", () => {
    expect(() => withProgram(chain, { name: "Bad", object: "e.o" })).toThrow(/`name` of program `Bad` must be a name/);
    expect(() => withProgram(chain, { name: "e", object: "e.o", proceedOn: [] })).toThrow(/at least one action/);
  });

  it("freezes nothing of the caller's", () => {
    const program = { name: "echo", object: "e.o", globals: { list: [1] }, bytes: new Uint8Array([1]) };
    const next = withProgram(chain, program);
    expect(Object.isFrozen(program) || Object.isFrozen(program.globals.list)).toBe(false);
    expect(Object.isFrozen(next.programs[2]?.globals)).toBe(true);
    expect(next.programs[2]?.bytes).toBe(program.bytes);
  });
});

describe("withoutProgram", () => {
  it("takes a program out", () => {
    expect(names(withoutProgram(chain, "denylist"))).toEqual(["counter"]);
  });

  it("names the nearest program when there is none of that name", () => {
    expect(() => withoutProgram(chain, "denilist")).toThrow(/did you mean `denylist`\?/);
    expect(() => withoutProgram(chain, "firewall")).toThrow(/its programs: denylist, counter/);
  });

  it("keeps the last program", () => {
    expect(() => withoutProgram(withoutProgram(chain, "counter"), "denylist")).toThrow(/detach the chain/);
  });
});

describe("validateChain", () => {
  it("finds nothing wrong with what a file gives", () => {
    expect(validateChain(chain)).toEqual([]);
    expect(checkedChain(chain)).toEqual(chain);
  });

  it("finds every mistake, with its path", () => {
    const wrong = {
      ...chain,
      mode: "fast",
      programs: [...chain.programs, { name: "counter", object: "", priority: -1, nmae: 1 } as Program],
    } as unknown as Chain;
    expect(validateChain(wrong).map(({ path }) => path.join("."))).toEqual([
      "mode",
      "programs.2.object",
      "programs.2.priority",
      "programs.2.nmae",
      "programs.2.name",
    ]);
  });

  it.each([null, undefined, 1, {}, { name: "a" }, { name: "a", programs: 1 }, { name: "a", programs: [null] }])(
    "answers for any value: %j",
    (value) => {
      expect(validateChain(value as unknown as Chain).length).toBeGreaterThan(0);
    },
  );
});

describe("editable", () => {
  it("is the same value as the plain chain, with methods", () => {
    const fluent = editable(chain);
    expect(JSON.stringify(fluent)).toBe(JSON.stringify(chain));
    expect({ ...fluent }).toStrictEqual({ ...chain });
    expect(Object.isFrozen(fluent)).toBe(true);
    expect(names(fluent.with({ name: "echo", object: "e.o" }).without("denylist"))).toEqual(["counter", "echo"]);
  });
});
