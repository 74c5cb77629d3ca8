import { describe, expect, it } from "vitest";
import { callSymbol, exit, ja, ldImm64, mov64Imm, R0, R1, withLabel } from "../../../src/codegen/asm/index.ts";
import { mergeBtf } from "../../../src/codegen/btf/index.ts";
import { type DispatcherFunction, INT } from "../../../src/codegen/dispatcher/function.ts";
import { dispatcherUnit, withManifest } from "../../../src/codegen/dispatcher/unit.ts";
import type { Unit } from "../../../src/codegen/link/unit.ts";
import type { ReturnType } from "../../../src/codegen/object/signature.ts";

const ACTION: ReturnType = {
  kind: "enum",
  name: "xdp_action",
  size: 4,
  signed: false,
  values: [
    { name: "XDP_DROP", value: 1 },
    { name: "XDP_PASS", value: 2 },
  ],
};
const WIDE: ReturnType = { kind: "enum64", name: "wide", size: 8, signed: true, values: [{ name: "A", value: -1n }] };

const returning = (symbol: string, returns: ReturnType): DispatcherFunction => ({
  symbol,
  returns,
  instructions: [mov64Imm(R0, 0), exit()],
  lines: [{ index: 0, text: symbol }],
});

/** How many types the linker would make of the unit's, were it merged with another. */
function merged({ btf }: Unit): number {
  return mergeBtf([{ btf, roots: btf.types.map((_, index) => index + 1) }]).btf.types.length;
}

describe("dispatcherUnit", () => {
  it("gives each function its own return type, and writes no type twice", () => {
    const returns = [INT, ACTION, structuredClone(INT), WIDE, structuredClone(ACTION), structuredClone(WIDE)];
    const other: ReturnType = { ...ACTION, values: [{ name: "XDP_DROP", value: 1 }] };
    const unit = dispatcherUnit(
      [...returns, other].map((type, k) => returning(`f${k}`, type)),
      "chain test",
    );
    const { types } = unit.btf;
    expect(merged(unit)).toBe(types.length);
    for (const [k, f] of unit.functions.entries()) {
      const func = types[f.type - 1]!;
      expect(func).toMatchObject({ kind: "func", name: `f${k}`, linkage: "global" });
      const proto = types[(func.kind === "func" ? func.type : 0) - 1]!;
      expect(types[(proto.kind === "func_proto" ? proto.type : 0) - 1]).toEqual([...returns, other][k]);
    }
  });

  it("counts a line's offset in bytes, where ld_imm64 takes sixteen", () => {
    const instructions = [ldImm64(R1, 1), callSymbol("a"), ja("end"), ldImm64(R1, 2), withLabel("end", exit())];
    const lines = [0, 1, 2, 3, 4].map((index) => ({ index, text: `line ${index}` }));
    const unit = dispatcherUnit([{ symbol: "main", returns: INT, instructions, lines }], "chain test");
    expect(unit.functions[0]!.lines.map(({ offset, line }) => [offset, line])).toEqual([
      [0, 1],
      [16, 2],
      [24, 3],
      [32, 4],
      [48, 5],
    ]);
  });
});

describe("withManifest", () => {
  it.each([
    ["int", [INT]],
    ["char", [INT, { kind: "int", name: "char", size: 1, bits: 8, bitOffset: 0, encoding: 1 }]],
    ["neither", [ACTION]],
  ] satisfies [string, ReturnType[]][])("uses the types that functions returning %s have brought", (_, returns) => {
    const unit = dispatcherUnit(
      returns.map((type, k) => returning(`f${k}`, type)),
      "chain test",
    );
    const whole = withManifest(unit, new Uint8Array(32));
    expect(merged(whole)).toBe(whole.btf.types.length);
    expect(whole.data[0]!.variables.map(({ offset, size }) => [offset, size])).toEqual([
      [0, 16],
      [16, 16],
    ]);
    expect(unit.data).toEqual([]);
  });
});
