/**
 * Instructions and programs to test the assembler with: every builder, called with values from the corners or at random,
 * and the pseudo forms that no builder makes. What `encode` accepts comes out of `randomInstruction` sooner or later.
 */
import fc from "fast-check";
import * as alu from "../../src/codegen/asm/alu.ts";
import * as atomic from "../../src/codegen/asm/atomic.ts";
import * as asm from "../../src/codegen/asm/index.ts";
import type { Instruction, Register } from "../../src/codegen/asm/index.ts";
import * as jump from "../../src/codegen/asm/jump.ts";
import * as loadStore from "../../src/codegen/asm/load-store.ts";
import { distanceField } from "../../src/codegen/asm/opcodes.ts";
import { type Random, random } from "./random.ts";

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
  [/^addrSpaceCast$/, [REGISTER, REGISTER, { min: 0, max: 0xffff }, { min: 0, max: 0xffff }]],
  [/^(ja|mayGoto)$/, [OFFSET]],
  [/^(jaLong|callLocal)$/, [IMMEDIATE]],
  [/^jaReg$/, [REGISTER]],
  [/^callHelper$/, [{ min: 1, max: 300 }]],
  [/^callKernel$/, [{ min: 1, max: 0x7fff_ffff }, OFFSET]],
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
  [/^ldMapIndex$/, [REGISTER, { min: 0, max: 0x7fff_ffff }]],
  [/^ldMapIndexValue$/, [REGISTER, { min: 0, max: 0x7fff_ffff }, IMMEDIATE]],
  [/^ldBtfId$/, [REGISTER, { min: 1, max: 0x7fff_ffff }, { min: 0, max: 0x7fff_ffff }]],
  [/^ldFunction$/, [REGISTER, IMMEDIATE]],
];

/** Exports that are functions and take names. */
const OTHERS = /^(call|ld)Symbol$/;

type Recipe = { readonly build: Builder; readonly args: readonly Argument[] };

/** Builders by name, each with what it takes. A builder that is not in the table fails the tests. */
export const BUILDERS: ReadonlyMap<string, Recipe> = new Map(
  Object.entries({ ...alu, ...atomic, ...jump, ...loadStore })
    .filter(([name, value]) => typeof value === "function" && !OTHERS.test(name))
    .map(([name, value]) => {
      const shape = SHAPES.find(([pattern]) => pattern.test(name));
      if (!shape) throw new Error(`the builder ${name} is in no row of SHAPES`);
      return [name, { build: value as unknown as Builder, args: shape[1] }];
    }),
);

/** What the instruction set has and no builder makes, or not with all its values. */
const PSEUDO_FORMS: readonly Recipe[] = [
  {
    build: (dst, src, imm, immHigh) => ({ opcode: asm.LD_IMM64, dst: dst as Register, src, off: 0, imm, immHigh }),
    args: [REGISTER, { min: 0, max: asm.BPF_PSEUDO_MAP_IDX_VALUE }, IMMEDIATE, IMMEDIATE],
  },
  ...([asm.ldIndB, asm.ldIndH, asm.ldIndW] as Builder[]).map((build) => ({ build, args: [REGISTER, IMMEDIATE] })),
  ...([asm.ldAbsB, asm.ldAbsH, asm.ldAbsW, asm.callHelper] as Builder[]).map((build) => ({ build, args: [IMMEDIATE] })),
  { build: asm.callKernel, args: [IMMEDIATE, OFFSET] },
];

/** Each builder and pseudo form with its arguments at their least, greatest and at some values between. */
export function cornerInstructions(): Instruction[] {
  return [...BUILDERS.values(), ...PSEUDO_FORMS].flatMap(({ build, args }) => {
    const rows = Math.max(1, ...args.map((argument) => corners(argument).length));
    return Array.from({ length: rows }, (_, row) =>
      build(...args.map((argument, column) => corners(argument).at((row + column) % corners(argument).length)!)),
    );
  });
}

function corners(argument: Argument): readonly number[] {
  if ("oneOf" in argument) return argument.oneOf;
  const { min, max } = argument;
  return [...new Set([min, max, 0, 1, -1, 7, 255, 4096].filter((value) => value >= min && value <= max))];
}

const ENTRIES: readonly (readonly [string, Recipe])[] = [...BUILDERS];

/** A builder, its arguments, and what it makes of them. */
export interface Call {
  readonly builder: string;
  readonly args: readonly number[];
  readonly instruction: Instruction;
}

/** Each builder alike often; numbers are corners, small or any. */
export function randomCall(from: Random): Call {
  const [builder, { build, args }] = from.pick(ENTRIES);
  const values = args.map((argument) => randomValue(argument, from));
  return { builder, args: values, instruction: build(...values) };
}

/** Any instruction: one in sixteen is a pseudo form. */
export function randomInstruction(from: Random): Instruction {
  if (!from.chance(1 / 16)) return randomCall(from).instruction;
  const { build, args } = from.pick(PSEUDO_FORMS);
  return build(...args.map((argument) => randomValue(argument, from)));
}

function randomValue(argument: Argument, from: Random): number {
  if ("oneOf" in argument) return from.pick(argument.oneOf);
  const { min, max } = argument;
  if (max <= 10) return min + from.int(max - min + 1);
  if (from.chance(0.3)) return from.pick(corners(argument));
  // As many numbers of few bits as of many; 53 bits for what takes more than 32.
  const wide = max > 0x7fff_ffff ? from.int(0x20_0000) * 0x1_0000_0000 : 0;
  const size = Math.floor((wide + from.bits32()) / 2 ** from.int(max > 0x7fff_ffff ? 53 : 32));
  const signed = from.chance(0.5) ? 0 - size : size;
  return signed >= min && signed <= max ? signed : min + (Math.abs(signed) % (max - min + 1));
}

/**
 * A program whose jumps, local calls and function addresses all go to labels, `PREFIX0`, `PREFIX1` …, forward and
 * backward, near enough for 16 bits. Nothing else about it makes sense: it is for what moves code, not for what runs it.
 */
export function randomProgram(from: Random, length: number, prefix = "L"): Instruction[] {
  const labels = Array.from({ length: 1 + from.int(Math.min(length, 20)) }, () => from.int(length));
  const names = new Map([...new Set(labels)].map((index, nth) => [index, `${prefix}${nth}`]));
  const targets = [...names.values()];
  return Array.from({ length }, (_, index) => {
    const instruction = randomInstruction(from);
    const field = distanceField(instruction);
    // The upper half of a function's address has no words beside a label.
    const plain = instruction.opcode === asm.LD_IMM64 ? { ...instruction, immHigh: 0 } : instruction;
    const aimed = field === undefined ? instruction : { ...plain, [field]: 0, target: from.pick(targets) };
    const label = names.get(index);
    return label === undefined ? aimed : { ...aimed, label };
  });
}

/** `randomInstruction` for properties. */
export const instruction: fc.Arbitrary<Instruction> = fc
  .integer({ min: 0, max: 0xffff_ffff })
  .map((seed) => randomInstruction(random(seed)));
