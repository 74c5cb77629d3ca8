/** Which programs are inlined, and where those go that cannot be: by rule, with a reason. */
import { describe, expect, it } from "vitest";
import type { Chain, ObjectLinkage, Program } from "../../../src/chain/index.ts";
import {
  add64Imm,
  add64Reg,
  and64Imm,
  exit,
  type Instruction,
  jeqImm,
  ldxB,
  ldxDw,
  ldxW,
  lsh64Imm,
  mov32Reg,
  mov64Imm,
  mov64Reg,
  neg64,
  R0,
  R1,
  R2,
  R3,
  R10,
  rsh64Imm,
  stW,
  sub64Reg,
  withLabel,
} from "../../../src/codegen/asm/index.ts";
import { writeElf } from "../../../src/codegen/elf/index.ts";
import { planChain, type ResolvedObject, synthesise } from "../../../src/codegen/index.ts";
import { stackUse } from "../../../src/codegen/object/stack.ts";
import { parseObject } from "../../../src/codegen/source/index.ts";
import { chainOf, sampleProgram, testProgram } from "../../support/chains.ts";
import { boundedObject, objectOf } from "../../support/verdict-program.ts";

function program(name: string, instructions: readonly Instruction[], rest: Partial<Program> = {}): Program {
  return { name, object: `${name}.bpf.o`, bytes: objectOf(`xdp_${name}`, instructions), ...rest };
}

/** Uses that many bytes of stack, which begin at an offset that fits a word. */
const using = (name: string, bytes: number, rest: Partial<Program> = {}): Program =>
  program(name, [stW(R10, -bytes, 1), mov64Imm(R0, 2), exit()], rest);

const long = (name: string, instructions: number): Program =>
  program(name, [...Array.from({ length: instructions - 2 }, () => mov64Imm(R2, 0)), mov64Imm(R0, 2), exit()]);

const speed = (...programs: readonly Program[]): Chain => chainOf(programs, { prefer: "speed" });

function linkages(chain: Chain, auto: ObjectLinkage = "call"): readonly string[] {
  return planChain(chain, { auto }).nodes.map(({ program: p }) =>
    [p.name, p.linkage, p.because].filter(Boolean).join(" "),
  );
}

describe("prefer: speed", () => {
  it("inlines what it can", () => {
    expect(linkages(speed(using("a", 8), sampleProgram("echo")))).toEqual(["a inline", "echo inline"]);
    expect(linkages(chainOf([using("a", 8)]))).toEqual(["a call"]);
  });

  it("calls a program that makes a tail call, and says so", () => {
    expect(linkages(speed(testProgram("tail-call"), using("a", 8)))).toEqual([
      "tail-call call not inline: xdp_tail_call makes a tail call, which would leave the dispatcher for good",
      "a inline",
    ]);
  });

  it("calls a program that leaves no room on the stack", () => {
    expect(linkages(speed(using("a", 488)))).toEqual(["a inline"]);
    expect(linkages(speed(using("b", 489)))).toEqual([
      "b call not inline: xdp_b uses 489 bytes of stack, and the dispatcher needs 24 of 512 below them",
    ]);
  });

  it("leaves jumps their reach where each of 255 programs is compared and counted", () => {
    const body = [...Array.from({ length: 110 }, () => mov64Imm(R2, 0)), ldxW(R0, R1, 0), exit()];
    const many = Array.from({ length: 255 }, (_, k) =>
      program(`p${k}`, body, {
        on: {
          aborted: "return drop",
          drop: "return pass",
          pass: "next",
          tx: { to: "next", keep: "verdict" },
          redirect: k === 0 ? "return" : "return kept",
        },
      }),
    );
    expect(linkages(speed(...many)).filter((shown) => shown.endsWith(" inline"))).toHaveLength(255);
    for (const counters of [false, true]) expect(() => synthesise({ ...speed(...many), counters })).not.toThrow();
  });

  it("calls the program with the largest frame where what is called besides it has no room left", () => {
    expect(
      linkages(speed(using("small", 40), using("large", 200), { ...using("called", 300), linkage: "call" })),
    ).toEqual([
      "small inline",
      "large call not inline: with what is inlined, called comes to 544 bytes of stack, and the kernel gives 512",
      "called call",
    ]);
  });

  it("calls the longest program where jumps would not reach", () => {
    const [first, second, third] = linkages(speed(long("a", 10_000), long("b", 12_000), long("c", 9000)));
    expect([first, third]).toEqual(["a inline", "c inline"]);
    expect(second).toMatch(/^b call not inline: the inlined programs have 31000 instructions/);
    expect(() => synthesise(speed(long("a", 14_000), long("b", 14_000)))).not.toThrow();
  });

  it("gives programs to freplace where one program of the kernel has no room for their maps", () => {
    const many = Array.from({ length: 40 }, (_, k) => ({ ...sampleProgram("counter"), name: `p${k}`, priority: k }));
    const found = planChain(speed(...many), { auto: "freplace" }).nodes.map(({ program: p }) => p.linkage);
    expect(found.filter((linkage) => linkage === "freplace").length).toBeGreaterThan(0);
    expect(found.toSorted()).toEqual([...found].toReversed().toSorted());
    expect(found.indexOf("freplace")).toBe(found.filter((linkage) => linkage === "inline").length);
    expect(() => synthesise(speed(...many))).toThrow(/uses? .*maps/);
  });
});

describe("a declared linkage", () => {
  const declared =
    (one: Program): (() => unknown) =>
    () =>
      planChain(chainOf([one, using("z", 8)], { linkage: "inline" }));

  it("is refused with the reason where it is not possible", () => {
    expect(declared(testProgram("tail-call"))).toThrow(/makes a tail call/);
    expect(declared(using("b", 500))).toThrow(/uses 500 bytes of stack/);
  });

  it("is not changed where the limits of the whole are met, but refused", () => {
    const called = { ...using("called", 400), linkage: "call" } as const;
    expect(() => planChain(chainOf([using("a", 200), called], { linkage: "inline" }))).toThrow(
      /called comes to 640 bytes of stack.*use `linkage: call`/,
    );
  });
});

it("takes an address in the frame for what it can reach, wherever it has been", () => {
  // The address goes through a register, below it, and to a helper.
  const passed = program("passed", [
    mov64Reg(R2, R10),
    add64Imm(R2, -64),
    ldxW(R3, R1, 0),
    jeqImm(R3, 0, "out"),
    stW(R2, -32, 0),
    withLabel("out", mov64Imm(R0, 2)),
    exit(),
  ]);
  expect(linkages(speed(passed))).toEqual(["passed inline"]);
  const [context] = synthesise(speed(passed, using("b", 8)))
    .listing.split("\n")
    .slice(1);
  expect(context).toBe("    *(u64 *)(r10 - 104) = r1");
  // A loop takes it down further and further.
  const falling = program("falling", [
    mov64Reg(R2, R10),
    withLabel("down", add64Imm(R2, -8)),
    stW(R2, 0, 0),
    ldxW(R3, R1, 0),
    jeqImm(R3, 0, "down"),
    mov64Imm(R0, 2),
    exit(),
  ]);
  expect(linkages(speed(falling))).toEqual([
    "falling call not inline: the stack that xdp_falling uses cannot be read from its code",
  ]);
});

describe("an address in the frame that could be lower than it looks", () => {
  const tail = [stW(R2, 0, 0), mov64Imm(R0, 2), exit()];
  const REFUSED = "odd call not inline: the stack that xdp_odd uses cannot be read from its code";

  it.each([
    ["a negative number added", [mov64Reg(R2, R10), mov64Imm(R3, -16), add64Reg(R2, R3), ...tail]],
    ["a number that may be negative added", [ldxW(R3, R1, 0), mov64Reg(R2, R10), neg64(R3), add64Reg(R2, R3), ...tail]],
    ["a number taken away", [mov64Reg(R2, R10), ldxW(R3, R1, 0), sub64Reg(R2, R3), ...tail]],
    ["the address added to such a number", [mov64Imm(R2, -16), add64Reg(R2, R10), ...tail]],
  ])("is not inlined: %s", (_, code) => {
    expect(linkages(speed(program("odd", code)))).toEqual([REFUSED]);
  });

  it.each([
    ["loaded", [mov64Reg(R2, R10), add64Imm(R2, -64), ldxB(R3, R1, 0), add64Reg(R2, R3), ...tail]],
    ["masked", [mov64Reg(R2, R10), add64Imm(R2, -64), ldxDw(R3, R1, 0), and64Imm(R3, 63), add64Reg(R2, R3), ...tail]],
    ["shifted down", [mov64Reg(R2, R10), add64Imm(R2, -64), rsh64Imm(R1, 60), add64Reg(R2, R1), ...tail]],
    [
      "of 32 bits, times eight",
      [mov64Reg(R2, R10), add64Imm(R2, -64), mov32Reg(R1, R1), lsh64Imm(R1, 3), add64Reg(R2, R1), ...tail],
    ],
  ])("is where a number is added that cannot be negative: %s", (_, code) => {
    const chain = speed(program("odd", code), using("b", 8));
    expect(linkages(chain)).toEqual(["odd inline", "b inline"]);
    expect(synthesise(chain).listing.split("\n")[1]).toBe("    *(u64 *)(r10 - 72) = r1");
  });
});

const handing = (callee: string): string => `
    .globl xdp_handing
    .section xdp, "ax"
    .type xdp_handing, @function
xdp_handing:
    r1 = r10
    r1 += -8
    call below
    r0 = 2
    exit
    .size xdp_handing, . - xdp_handing
    .text
    .type below, @function
below:
    ${callee}
    r0 = 0
    exit
    .size below, . - below
`;

it.each([
  ["touches below an address that it is handed", "*(u64 *)(r1 - 24) = 0", 32],
  ["puts where its caller can load it", "*(u64 *)(r1 + 0) = r1", "unknown"],
])("finds what a callee %s", (_, callee, own) => {
  const bytes = writeElf(parseObject(handing(callee)));
  const { main, object } = planChain(chainOf([{ name: "handing", object: "handing.bpf.o", bytes }])).nodes[0]!
    .program as ResolvedObject;
  expect(stackUse(object, main)).toMatchObject({ own, below: 32 });
});

describe("labels of the dispatcher and of inlined code", () => {
  const looped = (name: string): Program =>
    program(
      name.replaceAll("-", "_"),
      [mov64Imm(R0, 2), ...Array.from({ length: 8 }, () => jeqImm(R0, 3, "out")), withLabel("out", exit())],
      { name },
    );

  it.each([
    ["to-a", "a-5"],
    ["a-5", "to-a"],
    ["count-a", "a-5"],
    ["left-a", "a"],
    ["return-own", "return-drop"],
    ["keep-a", "a"],
  ])("do not meet: programs %s and %s", (...names) => {
    for (const counters of [false, true]) {
      const chain = { ...speed(...names.map(looped)), counters };
      expect(() => synthesise(chain)).not.toThrow();
    }
  });
});

it("follows no way of a program that returns more codes than are followed", () => {
  const codes = Array.from({ length: 20 }, (_, code) => code + 40);
  const many = { name: "many", object: "many", bytes: boundedObject(0, codes) };
  expect(linkages(speed(many, using("b", 8)))).toEqual(["many inline", "b inline"]);
  expect(synthesise(speed(many, using("b", 8))).listing).toContain("if w0 ");
});
