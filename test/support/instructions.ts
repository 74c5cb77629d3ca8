/** Every builder of the assembler, called with values from the corners or at random: what the tests of asm/ run over. */
import fc from "fast-check";
import * as asm from "../../src/codegen/asm/index.ts";
import type { Instruction } from "../../src/codegen/asm/index.ts";

type Builder = (...args: number[]) => Instruction;

/** What a builder's arguments mean, which its name tells. */
const REGISTER = { min: 0, max: 10 };
const OFFSET = { min: -0x8000, max: 0x7fff };
const IMMEDIATE = { min: -0x8000_0000, max: 0x7fff_ffff };
type Argument = { readonly min: number; readonly max: number } | { readonly oneOf: readonly number[] };

const ALU = "add|sub|mul|div|sdiv|or|and|lsh|rsh|mod|smod|xor|mov|arsh";
const CONDITION = "jeq|jne|jgt|jge|jlt|jle|jset|jsgt|jsge|jslt|jsle";

const SHAPES: readonly (readonly [RegExp, readonly Argument[]])[] = [
  [new RegExp(`^(${ALU})(64|32)Imm$`), [REGISTER, IMMEDIATE]],
  [new RegExp(`^(${ALU})(64|32)Reg$`), [REGISTER, REGISTER]],
  [/^neg(64|32)$|^(le|be|bswap)(16|32|64)$/, [REGISTER]],
  [/^movsx64Reg$/, [REGISTER, REGISTER, { oneOf: [8, 16, 32] }]],
  [/^movsx32Reg$/, [REGISTER, REGISTER, { oneOf: [8, 16] }]],
  [/^(ja|mayGoto)$/, [OFFSET]],
  [/^(jaLong|callLocal)$/, [IMMEDIATE]],
  [/^callHelper$/, [{ min: 1, max: 300 }]],
  [/^callKernel$/, [{ min: 1, max: 0x7fff_ffff }]],
  [/^exit$/, []],
  [new RegExp(`^(${CONDITION})(32)?Imm$`), [REGISTER, IMMEDIATE, OFFSET]],
  [new RegExp(`^(${CONDITION})(32)?Reg$`), [REGISTER, REGISTER, OFFSET]],
  [/^(ldx(B|H|W|Dw)|ldxs(B|H|W)|loadAcquire(B|H|W|Dw))$/, [REGISTER, REGISTER, OFFSET]],
  [/^(stx(B|H|W|Dw)|storeRelease(B|H|W|Dw)|(atomic|xchg|cmpxchg)\w*(W|Dw))$/, [REGISTER, OFFSET, REGISTER]],
  [/^st(B|H|W|Dw)$/, [REGISTER, OFFSET, IMMEDIATE]],
  [/^ldAbs(B|H|W)$/, [{ min: 0, max: 0x7fff_ffff }]],
  [/^ldInd(B|H|W)$/, [REGISTER, { oneOf: [0] }]],
  [/^ldImm64$/, [REGISTER, { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }]],
  [/^ldMapFd$/, [REGISTER, { min: 0, max: 0x7fff_ffff }]],
  [/^ldMapValue$/, [REGISTER, { min: 0, max: 0x7fff_ffff }, IMMEDIATE]],
  [/^ldFunction$/, [REGISTER, IMMEDIATE]],
];

/** Exports that are functions and build no instruction from numbers. */
const OTHERS =
  /^(decode|encode|format|formatInstruction|labelTargets|layout|slotOffsets|slots|with(Label|Comment)|(call|ld)Symbol|(class|mode|operation|size)Of|is(Alu|Jump)|usesRegister)$/;

/** Builders by name, each with what it takes. A builder that is not in the table fails the tests. */
export const BUILDERS: ReadonlyMap<string, { build: Builder; args: readonly Argument[] }> = new Map(
  Object.entries(asm)
    .filter(([name, value]) => typeof value === "function" && !OTHERS.test(name))
    .map(([name, value]) => {
      const shape = SHAPES.find(([pattern]) => pattern.test(name));
      if (!shape) throw new Error(`the builder ${name} is in no row of SHAPES`);
      return [name, { build: value as unknown as Builder, args: shape[1] }];
    }),
);

/** Each builder with its arguments at their least, greatest and at some values between. */
export function cornerInstructions(): Instruction[] {
  return [...BUILDERS.values()].flatMap(({ build, args }) => {
    const rows = Math.max(1, ...args.map((argument) => values(argument).length));
    return Array.from({ length: rows }, (_, row) =>
      build(...args.map((argument, column) => values(argument).at((row + column) % values(argument).length)!)),
    );
  });
}

function values(argument: Argument): readonly number[] {
  if ("oneOf" in argument) return argument.oneOf;
  const { min, max } = argument;
  return [...new Set([min, max, 0, 1, -1, 7, 255, 4096].filter((value) => value >= min && value <= max))];
}

export const instruction: fc.Arbitrary<Instruction> = fc
  .constantFrom(...BUILDERS.values())
  .chain(({ build, args }) =>
    fc
      .tuple(...args.map((a) => ("oneOf" in a ? fc.constantFrom(...a.oneOf) : fc.integer({ min: a.min, max: a.max }))))
      .map((picked) => build(...picked)),
  );
