import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  and32Imm,
  callHelper,
  encode,
  exit,
  type Instruction,
  jeq32Imm,
  jeqImm,
  layout,
  ldxW,
  mov64Imm,
  mov64Reg,
  R0,
  R1,
  R10,
  R2,
  R6,
  rsh64Imm,
  stxDw,
  withLabel,
} from "../../../src/codegen/asm/index.ts";
import { openObject, xdpFunctions } from "../../../src/codegen/object/open.ts";
import { returnCodes } from "../../../src/codegen/object/returns.ts";
import { bytesOf } from "../../support/chains.ts";
import { run } from "../../support/interpreter.ts";
import { compile } from "../../support/objects.ts";
import { boundedObject, objectOf } from "../../support/verdict-program.ts";

function codesOf(bytes: Uint8Array): unknown {
  const object = openObject(bytes);
  return returnCodes(object, xdpFunctions(object)[0]!);
}
const ofCode = (instructions: readonly Instruction[]): unknown => codesOf(objectOf("f", instructions));
const root = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

describe("returnCodes", () => {
  it.each([
    [
      "constants on every path",
      [mov64Imm(R0, 1), jeqImm(R1, 0, "out"), mov64Imm(R0, 2), withLabel("out", exit())],
      [1, 2],
    ],
    ["a value nobody knows", [ldxW(R0, R1, 12), exit()], "any"],
    ["a masked value", [ldxW(R0, R1, 12), and32Imm(R0, 3), exit()], [0, 1, 2, 3]],
    ["the sign of a value", [ldxW(R0, R1, 12), rsh64Imm(R0, 63), exit()], [0, 1]],
    ["a constant through a saved register", [mov64Imm(R6, 2), callHelper(8), mov64Reg(R0, R6), exit()], [2]],
    ["what a helper returns", [callHelper(8), exit()], "any"],
    ["bpf_redirect", [mov64Imm(R1, 1), mov64Imm(R2, 0), callHelper(23), exit()], [0, 4]],
    ["bpf_redirect_map", [callHelper(51), exit()], [0, 1, 2, 3, 4]],
    ["a tail call", [callHelper(12), mov64Imm(R0, 2), exit()], "any"],
    [
      "a value compared, where the compare decides",
      [ldxW(R0, R1, 12), jeq32Imm(R0, 2, "out"), mov64Imm(R0, 1), withLabel("out", exit())],
      [1, 2],
    ],
    [
      "nothing through a load that acquires, which writes its destination",
      [mov64Imm(R0, 2), mov64Reg(R2, R10), { opcode: 0xdb, dst: R0, src: R2, off: -8, imm: 0x100 }, exit()],
      "any",
    ],
    ["a negative code", [mov64Imm(R0, -1), exit()], [0xffffffff]],
  ] as const)("follows %s", (_, instructions, expected) => {
    expect(ofCode(instructions)).toEqual(expected);
  });

  it("trusts no instruction that a CO-RE relocation rewrites", () => {
    expect(codesOf(bytesOf(root("test/bpf/.output/guard.bpf.o")))).toEqual([1, 2]);
  });

  it("knows nothing of a program that calls a kfunc, which may be bpf_throw", () => {
    const source = `
      extern int bpf_throw(unsigned long cookie) __attribute__((section(".ksyms")));
      __attribute__((section("xdp"))) int f(void *ctx) { if (!ctx) bpf_throw(7); return 2; }`;
    expect(codesOf(compile(source))).toBe("any");
  });

  it("does not trust a stack slot once the frame's address is known elsewhere", () => {
    const spill = (escape: readonly Instruction[]): Instruction[] => [
      mov64Imm(R2, 2),
      stxDw(R10, -8, R2),
      ...escape,
      callHelper(8),
      ldxDwFromStack,
      exit(),
    ];
    const ldxDwFromStack: Instruction = { opcode: 0x79, dst: R0, src: R10, off: -8, imm: 0 };
    expect(ofCode(spill([]))).toEqual([2]);
    expect(ofCode(spill([mov64Reg(R1, R10)]))).toBe("any");
  });

  it("finds what the sample programs say of themselves", () => {
    const sample = (name: string): unknown => codesOf(bytesOf(root(`bpf/.output/${name}.bpf.o`)));
    expect(sample("counter")).toEqual([2]);
    expect(sample("denylist")).toEqual([1, 2]);
    expect(codesOf(bytesOf(root("test/bpf/.output/verdict.bpf.o")))).toBe("any");
  });

  it("contains every code that a run returns", () => {
    const codes = fc.uniqueArray(fc.constantFrom(0, 1, 2, 3, 4, 31, 32, 0xffffffff), { minLength: 1 });
    fc.assert(
      fc.property(codes, (list) => {
        const found = codesOf(boundedObject(0, list)) as number[];
        expect(new Set(found)).toEqual(new Set(list));
      }),
    );
  });

  // Straight-line and branching code over a few registers: whatever the interpreter returns must be in the answer.
  const op = fc.tuple(fc.constantFrom(0, 6, 7), fc.constantFrom(0, 6, 7), fc.integer({ min: -3, max: 40 }), fc.nat(7));
  it("is sound for random code", () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 12 }), fc.nat(3), (ops, input) => {
        const body = ops.map(([dst, src, imm, kind], i): Instruction => {
          const base = { dst, src: 0, off: 0, imm } as const;
          const register = { ...base, src, imm: 0 };
          const make = [
            { ...base, opcode: 0xb7 }, // mov64 imm
            { ...register, opcode: 0xbf }, // mov64 reg
            { ...base, opcode: 0x57 }, // and64 imm
            { ...base, opcode: 0x04 }, // add32 imm
            { ...register, opcode: 0x4f }, // or64 reg
            { ...base, opcode: 0xa4 }, // xor32 imm
            { ...base, opcode: 0x15, target: "end" }, // jeq64 imm
            { ...base, opcode: 0x56, target: "end" }, // jne32 imm
          ] as const satisfies readonly Instruction[];
          return i === 0 ? make[0] : make[kind]!;
        });
        const code = [mov64Imm(R0, 0), ldxW(R6, R1, 12), mov64Imm(7, 1), ...body, withLabel("end", exit())];
        const found = ofCode(code);
        const context = new Uint8Array(24);
        new DataView(context.buffer).setUint32(12, input, true);
        const result = run(encode(layout(code)), { args: [0x1000n], memory: [{ base: 0x1000n, bytes: context }] });
        if (found !== "any") expect(found).toContain(result.code);
      }),
      { numRuns: 2000 },
    );
  });
});
