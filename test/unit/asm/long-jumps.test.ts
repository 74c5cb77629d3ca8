/** Layout with long jumps: the same program with code between that puts its jumps out of reach, run by the interpreter. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as asm from "../../../src/codegen/asm/index.ts";
import {
  type Instruction,
  R0,
  R1,
  R2,
  R3,
  add64Imm,
  callLocal,
  decode,
  encode,
  exit,
  ja,
  jaLong,
  jeqImm,
  jsetImm,
  layout,
  ldFunction,
  ldImm64,
  lsh64Imm,
  mayGoto,
  mov64Imm,
  or64Imm,
  withComment,
  withLabel,
} from "../../../src/codegen/asm/index.ts";
import { run } from "../../support/interpreter.ts";

const REACH = 0x7fff;
const nop = mov64Imm(R3, 0);
const nops = (count: number): Instruction[] => Array.from({ length: count }, () => nop);
const long = (instructions: readonly Instruction[]): Instruction[] => layout(instructions, { longJumps: true });

/** Every conditional jump by its builder's name: `jeqImm`, `jsle32Reg`. */
const CONDITIONAL = (Object.entries(asm) as [string, unknown][])
  .filter(([name]) => /^j(?!a).*(Imm|Reg)$/.test(name))
  .map(([name, build]) => [name, build as typeof jeqImm] as const);

describe("a jump that is too far", () => {
  test("is an error that says what can be done", () => {
    const program = [ja("end"), ...nops(REACH + 1), withLabel("end", exit())];
    expect(() => layout(program)).toThrow(
      /instruction 0, `goto end`: end is 32768 slots away.* reaches -32768 to 32767.*nearer, or .*longJumps.*6\.6/,
    );
  });

  test("goes by gotol, in both directions", () => {
    expect(long([ja("end"), ...nops(REACH + 1), withLabel("end", exit())])[0]).toEqual(jaLong(REACH + 1));
    const backward = [withLabel("top", exit()), ...nops(REACH), ja("top")];
    expect(long(backward).at(-1)).toEqual(jaLong(-REACH - 2));
  });

  test("stays short while it reaches", () => {
    expect(long([ja("end"), ...nops(REACH), withLabel("end", exit())])[0]).toEqual(ja(REACH));
    const backward = [withLabel("top", exit()), ...nops(REACH - 1), jeqImm(R1, 0, "top")];
    expect(long(backward).at(-1)).toEqual(jeqImm(R1, 0, -REACH - 1));
  });

  test("keeps its label and comment, where jumps to it go", () => {
    const far = withComment("why", withLabel("here", jeqImm(R1, 7, "end")));
    const program = [far, ja("here"), ...nops(REACH), withLabel("end", exit())];
    expect(long(program).slice(0, 3)).toEqual([
      withComment("why", withLabel("here", asm.jneImm(R1, 7, 1))),
      jaLong(REACH + 1),
      ja(-3),
    ]);
  });

  test.each([
    ["jset", jsetImm(R1, 5, "end"), jsetImm(R1, 5, 1)],
    ["may_goto", mayGoto("end"), mayGoto(1)],
  ])("%s has no opposite and takes two jumps", (_, jump, near) => {
    expect(long([jump, ...nops(REACH + 1), withLabel("end", exit())]).slice(0, 3)).toEqual([
      near,
      ja(1),
      jaLong(REACH + 1),
    ]);
  });

  test("puts others out of reach, and they are found", () => {
    // Each jump reaches its label exactly, until the one behind it grows; the last is too far from the start.
    const count = 5;
    const program = [
      ...Array.from({ length: count }, (_, k) => jeqImm(R1, k, `at${k}`)),
      ...nops(REACH - count + 1),
      ...Array.from({ length: count - 1 }, (_, k) => withLabel(`at${k}`, mov64Imm(R0, k))),
      mov64Imm(R0, 9),
      withLabel(`at${count - 1}`, exit()),
    ];
    expect(long(program)).toHaveLength(program.length + count);
    expect(encode(long(program))).toHaveLength(8 * (program.length + count));
  });
});

/** The program without the code between and its `gotol` as much shorter, so that many of them run in no time. */
function closedUp(far: readonly Instruction[], space: number): Instruction[] {
  const isNop = (i: Instruction): boolean => i.opcode === nop.opcode && i.dst === nop.dst;
  return far
    .filter((i) => !isNop(i))
    .map((i) => (i.opcode === jaLong(0).opcode ? { ...i, imm: i.imm - Math.sign(i.imm) * space } : i));
}

describe.each(CONDITIONAL)("%s", (name, build) => {
  const values = [0n, 4n, 5n, 6n, 2n ** 31n, 2n ** 32n + 5n, 2n ** 63n, 2n ** 64n - 1n];

  test("decides as its short form does, forward and backward", () => {
    const second = name.endsWith("Imm") ? 5 : R2;
    const between = nops(REACH + 1);
    const forward = (space: readonly Instruction[]): Instruction[] => [
      build(R1, second, "far"),
      mov64Imm(R0, 1),
      exit(),
      ...space,
      withLabel("far", mov64Imm(R0, 2)),
      exit(),
    ];
    const backward = (space: readonly Instruction[]): Instruction[] => [
      ja("start"),
      withLabel("far", mov64Imm(R0, 2)),
      exit(),
      ...space,
      withLabel("start", build(R1, second, "far")),
      mov64Imm(R0, 1),
      exit(),
    ];
    for (const shape of [forward, backward]) {
      const far = closedUp(long(shape(between)), between.length);
      const near = layout(shape([]));
      const codes = values.map((value) => {
        const args = [value, 5n];
        const { code } = run(near, { args });
        expect(run(far, { args }).code, `${name} of ${value}`).toBe(code);
        return code;
      });
      expect(new Set(codes)).toEqual(new Set([1, 2]));
    }
  });
});

/** Blocks that note that they ran and jump on, as numbers of blocks; between them code that is jumped over. */
const blocks = fc.array(
  fc.record({
    to: fc.nat(),
    jump: fc.constantFrom("ja", "jeq", "jset", "none"),
    space: fc.constantFrom(0, 1, 10, 10_900, REACH - 8, REACH - 6, REACH - 5, REACH),
    wide: fc.boolean(),
  }),
  { minLength: 2, maxLength: 6 },
);

type Block = { readonly to: number; readonly jump: string; readonly space: number; readonly wide: boolean };

/** Jumps go forward, so that every program ends. */
function programOf(list: readonly Block[], spaced: boolean): Instruction[] {
  const last = list.length;
  const body = list.flatMap(({ to, jump, space, wide }, k) => {
    const target = `at${k + 1 + (to % (last - k))}`;
    const jumps = {
      ja: [ja(target)],
      jeq: [jeqImm(R1, to % 3, target)],
      jset: [jsetImm(R1, 1 << (to % 3), target)],
      none: [],
    }[jump]!;
    return [
      withLabel(`at${k}`, lsh64Imm(R0, 1)),
      or64Imm(R0, 1),
      ...(wide ? [ldImm64(R2, to)] : []),
      ...jumps,
      ja(`at${k + 1}`),
      ...(spaced ? nops(space) : []),
    ];
  });
  return [mov64Imm(R0, 1), ...body, withLabel(`at${last}`, exit())];
}

/** Jumps over two spaces, which take more code: every run sees these, whatever else it draws. */
const OUT_OF_REACH: readonly Block[] = ["jeq", "jset"].map((jump) => ({
  to: 1,
  jump,
  space: REACH - 5,
  wide: false,
}));

test("a program means the same with and without code between, and every jump reaches", () => {
  let lengthened = 0;
  fc.assert(
    fc.property(blocks, (list) => {
      const far = long(programOf(list, true));
      expect(decode(encode(far))).toHaveLength(far.length);
      if (far.length > programOf(list, true).length) lengthened++;
      for (const argument of [0, 1, 6]) {
        const args = [argument];
        expect(run(far, { args }).code).toBe(run(layout(programOf(list, false)), { args }).code);
      }
    }),
    { numRuns: 12, examples: OUT_OF_REACH.map((block): [Block[]] => [[block, { ...block, to: 0 }]]) },
  );
  expect(lengthened).toBeGreaterThanOrEqual(OUT_OF_REACH.length);
});

describe("distances that are there already", () => {
  test("are counted anew where the code between grows", () => {
    // Over the far jump, into a function behind it, and back to the start.
    const program = [
      jeqImm(R1, 1, 1),
      jeqImm(R1, 0, "end"),
      add64Imm(R0, 1),
      callLocal(REACH + 3),
      ldFunction(R2, REACH + 1),
      ja(-7),
      ...nops(REACH),
      withLabel("end", exit()),
    ];
    expect(long(program).slice(0, 7)).toEqual([
      jeqImm(R1, 1, 2),
      asm.jneImm(R1, 0, 1),
      jaLong(REACH + 5),
      add64Imm(R0, 1),
      callLocal(REACH + 3),
      ldFunction(R2, REACH + 1),
      ja(-8),
    ]);
  });

  test.each([
    ["out of the list", [ja(1), exit()], /slot 2 of 2/],
    ["into an ld_imm64", [ja(1), ldImm64(R1, 0), exit()], /slot 2 of 4/],
  ] satisfies [string, Instruction[], RegExp][])("are refused %s", (_, program, message) => {
    expect(() => long(program)).toThrow(message);
  });

  test("of relocated instructions are left to the loader", () => {
    expect(long([asm.callSymbol("elsewhere"), exit()])).toEqual([asm.callSymbol("elsewhere"), exit()]);
  });
});
