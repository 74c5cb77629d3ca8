import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Instruction,
  R0,
  R1,
  callLocal,
  callSymbol,
  decode,
  encode,
  exit,
  format,
  ja,
  jaLong,
  jeqImm,
  labelTargets,
  layout,
  ldFunction,
  ldImm64,
  ldSymbol,
  mov64Imm,
  slotOffsets,
  withComment,
  withLabel,
} from "../../../src/codegen/asm/index.ts";

const nops = (count: number): Instruction[] => Array.from({ length: count }, () => mov64Imm(R0, 0));

describe("layout", () => {
  test("counts slots, of which ld_imm64 takes two", () => {
    const program = [ja("end"), ldImm64(R1, 1), withLabel("end", exit())];
    expect(slotOffsets(program)).toEqual([0, 1, 3, 4]);
    expect(layout(program)[0]).toEqual(ja(2));
  });

  test("puts the distance where the instruction has it", () => {
    const program = [
      withLabel("top", jeqImm(R0, 1, "top")),
      jaLong("top"),
      callLocal("top"),
      ldFunction(R1, "top"),
      exit(),
    ];
    expect(layout(program)).toEqual([
      withLabel("top", jeqImm(R0, 1, -1)),
      jaLong(-2),
      callLocal(-3),
      ldFunction(R1, -4),
      exit(),
    ]);
  });

  test("reaches as far as 16 bits do, and no farther", () => {
    const forward = (distance: number): Instruction[] => [ja("end"), ...nops(distance), withLabel("end", exit())];
    const backward = (distance: number): Instruction[] => [withLabel("top", exit()), ...nops(distance - 2), ja("top")];
    expect(layout(forward(0x7fff))[0]).toEqual(ja(0x7fff));
    expect(() => layout(forward(0x8000))).toThrow(/instruction 0, `goto end`: end is 32768 slots away/);
    expect(layout(backward(0x8000)).at(-1)).toEqual(ja(-0x8000));
    expect(() => layout(backward(0x8001))).toThrow(/top is -32769 slots away/);
    expect(layout([jaLong("end"), ...nops(0x8000), withLabel("end", exit())])[0]).toEqual(jaLong(0x8000));
  });

  test.each([
    [
      "no such label",
      [ja("nowhere"), withLabel("end", exit())],
      /instruction 0, `goto nowhere`.*no.*label nowhere; there are end/,
    ],
    [
      "a label twice",
      [withLabel("a", exit()), withLabel("a", exit())],
      /instruction 1, `exit`: label a already stands at slot 0/,
    ],
    ["a target on what cannot jump", [{ ...exit(), target: "a" }, withLabel("a", exit())], /only jumps/],
  ] satisfies [string, Instruction[], RegExp][])("refuses %s", (_, program, message) => {
    expect(() => layout(program)).toThrow(message);
  });

  test("an instruction has one label", () => {
    expect(() => withLabel("b", withLabel("a", exit()))).toThrow(/has label a/);
    expect(withLabel("a", withLabel("a", exit()))).toEqual(withLabel("a", exit()));
  });
});

/** Programs whose jumps stay inside, as indexes of instructions. */
const program: fc.Arbitrary<Instruction[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom("plain", "wide", "ja", "jeq", "far", "call", "address"),
      to: fc.nat(),
      labelled: fc.boolean(),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((rows) =>
    rows.map(({ kind, to, labelled }, index) => {
      const target = `at${to % rows.length}`;
      const build = {
        plain: () => mov64Imm(R0, to % 1000),
        wide: () => ldImm64(R1, to),
        ja: () => ja(target),
        jeq: () => jeqImm(R0, 0, target),
        far: () => jaLong(target),
        call: () => callLocal(target),
        address: () => ldFunction(R1, target),
      }[kind];
      const instruction = withLabel(`at${index}`, build());
      return labelled ? withComment("kept", instruction) : instruction;
    }),
  );

describe("labelTargets", () => {
  test("is the inverse of layout", () => {
    fc.assert(
      fc.property(program, (instructions) => {
        const laidOut = layout(instructions);
        expect(labelTargets(laidOut)).toEqual(instructions);
        const bytes = encode(laidOut);
        expect(encode(layout(labelTargets(decode(bytes))))).toEqual(bytes);
      }),
    );
  });

  test("labels only what is entered, by slot", () => {
    const labelled = labelTargets([ldImm64(R1, 0), ja(0), exit()], "there");
    expect(labelled).toEqual([ldImm64(R1, 0), ja("there3"), withLabel("there3", exit())]);
  });

  test("leaves relocated instructions to their symbols", () => {
    const relocated = [callSymbol("slot0"), ldSymbol(R1, "map"), exit()];
    expect(labelTargets(relocated)).toEqual(relocated);
  });

  test.each([
    ["out of the list", [ja(1), exit()], /slot 2 of 2/],
    ["before the list", [ja(-2)], /slot -1 of 1/],
    ["into an ld_imm64", [ja(1), ldImm64(R1, 0), exit()], /slot 2 of 4/],
  ] satisfies [string, Instruction[], RegExp][])("refuses a jump %s", (_, instructions, message) => {
    expect(() => labelTargets(instructions)).toThrow(message);
  });
});

test("format", () => {
  const text = format(
    [
      withComment("the verdict", mov64Imm(R0, 2)),
      jeqImm(R0, 1, "drop now"),
      ldSymbol(R1, "counts", -8),
      callSymbol("xdp_counter"),
      callLocal(-1),
      withLabel("drop now", exit()),
    ],
    { slots: true },
  );
  expect(text).toBe(
    [
      "       0:  r0 = 2 // the verdict",
      '       1:  if r0 == 1 goto "drop now"',
      "       2:  r1 = counts-8 ll",
      "       4:  call xdp_counter",
      "       5:  call pc-1",
      '"drop now":',
      "       6:  exit",
      "",
    ].join("\n"),
  );
});
