/** The interpreter against the kernel: random programs of arithmetic, jumps, stack and atomics return the same value. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as asm from "../../src/codegen/asm/index.ts";
import type { Instruction, Register } from "../../src/codegen/asm/index.ts";
import { R0, R1, R10, encode, exit } from "../../src/codegen/asm/index.ts";
import { SHF_ALLOC, SHF_EXECINSTR, SHT_PROGBITS, writeElf } from "../../src/codegen/elf/index.ts";
import { BUILDERS } from "../support/instructions.ts";
import { run } from "../support/interpreter.ts";
import { has } from "../support/kernel-differences.ts";
import { kernelMissing } from "../support/samples.ts";

const PROGRAMS = 24;
/** Whether the kernel knows signed division, sign extension and unconditional swaps: all came with one release. */
const hasVersion4 = has("signed division and remainder");

const hasFetch = has("atomic operations that fetch, or other than +=");

const value = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 2n ** 63n, 2n ** 31n, -(2n ** 31n), 0xffff_ffffn),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
);
const register = fc.integer({ min: 0, max: 9 }) as fc.Arbitrary<Register>;
const small = fc.integer({ min: 1, max: 31 });
const immediate = fc.oneof(fc.integer(), small);
const builder = (pattern: RegExp): ((...args: number[]) => Instruction)[] =>
  [...BUILDERS].filter(([name]) => pattern.test(name)).map(([, { build }]) => build);

const plain: fc.Arbitrary<Instruction>[] = [
  ["(add|sub|mul|or|and|xor|mov)(64|32)Imm", fc.tuple(register, immediate)],
  // The verifier refuses a shift by more than the width and a division by zero, if they are immediates.
  [`(lsh|rsh|arsh|div|mod${hasVersion4 ? "|sdiv|smod" : ""})(64|32)Imm`, fc.tuple(register, small)],
  [`(add|sub|mul|or|and|xor|mov|div|mod${hasVersion4 ? "|sdiv|smod" : ""})(64|32)Reg`, fc.tuple(register, register)],
  ["(lsh|rsh|arsh)(64|32)Reg", fc.tuple(register, register)],
  [`neg(64|32)|(le|be${hasVersion4 ? "|bswap" : ""})(16|32|64)`, fc.tuple(register)],
  ...(hasVersion4 ? ([["movsx(32|64)Reg", fc.tuple(register, register, fc.constantFrom(8, 16))]] as const) : []),
].map(([pattern, args]) =>
  fc
    .tuple(fc.constantFrom(...builder(new RegExp(`^(${pattern as string})$`))), args as fc.Arbitrary<number[]>)
    .map(([build, picked]) => build(...picked)),
);

const slot = fc.integer({ min: -8, max: -1 }).map((n) => n * 8);
const stack: fc.Arbitrary<Instruction>[] = [
  fc
    .tuple(
      fc.constantFrom(
        ...builder(/^stx(B|H|W|Dw)$/),
        ...builder(hasFetch ? /^(atomic|xchg|cmpxchg).*(W|Dw)$/ : /^atomicAdd(W|Dw)$/),
      ),
      slot,
      register,
    )
    .map(([build, off, src]) => build(R10, off, src)),
  fc
    .tuple(fc.constantFrom(...builder(hasVersion4 ? /^ldxs?(B|H|W|Dw)$/ : /^ldx(B|H|W|Dw)$/)), register, slot)
    .map(([build, dst, off]) => build(dst, R10, off)),
];

const jump = fc
  .tuple(fc.constantFrom(...builder(/^j(?!a).*(Imm|Reg)$/)), register, register, fc.integer({ min: 0, max: 3 }))
  .map(([build, dst, src, distance]) => build(dst, src, distance));

/** Registers and stack set, then a body whose jumps go forward, then all registers folded into the low half of R0. */
const program = fc
  .tuple(
    fc.array(value, { minLength: 10, maxLength: 10 }),
    fc.array(fc.oneof(...plain, ...plain, ...stack, jump), { minLength: 120, maxLength: 120 }),
  )
  .map(([values, body]): Instruction[] => [
    ...values.map((initial, index) => asm.ldImm64(index as Register, initial)),
    ...Array.from({ length: 8 }, (_, index) => asm.stxDw(R10, -8 * (index + 1), index as Register)),
    ...body,
    // Landing room for the last jumps.
    ...Array.from({ length: 4 }, () => asm.mov64Reg(R1, R1)),
    ...Array.from({ length: 9 }, (_, index) => [
      asm.mul64Imm(R0, 31),
      asm.xor64Reg(R0, (index + 1) as Register),
    ]).flat(),
    asm.mov64Reg(R1, R0),
    asm.rsh64Imm(R1, 32),
    asm.xor64Reg(R0, R1),
    exit(),
  ]);

test.skipIf(kernelMissing())(`${PROGRAMS} random programs return the same in the kernel`, () => {
  const programs = fc.sample(program, { numRuns: PROGRAMS, seed: 20261122 });
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-test-"));
  const pins = `/sys/fs/bpf/xdpgen-test-${process.pid}`;
  const bpftool = (...args: string[]): string =>
    execFileSync("bpftool", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  try {
    const code = programs.map(encode);
    const offsets = code.map((_, index) => code.slice(0, index).reduce((sum, part) => sum + part.length, 0));
    const data = Uint8Array.from(code.flatMap((part) => [...part]));
    const object = join(folder, "programs.o");
    writeFileSync(
      object,
      writeElf({
        sections: [
          {
            name: "xdp",
            type: SHT_PROGBITS,
            flags: SHF_ALLOC | SHF_EXECINSTR,
            data,
            size: data.length,
            align: 8,
            entrySize: 0,
            relocations: [],
          },
        ],
        symbols: code.map((part, index) => ({
          name: `p${index}`,
          value: offsets[index]!,
          size: part.length,
          type: "func",
          binding: "global",
          visibility: "default",
          section: 0,
        })),
      }),
    );
    writeFileSync(join(folder, "packet"), new Uint8Array(64));
    bpftool("prog", "loadall", object, pins);
    const results = programs.map((instructions, index) => {
      const answer = bpftool("-j", "prog", "run", "pinned", join(pins, `p${index}`), "data_in", join(folder, "packet"));
      return [(JSON.parse(answer) as { retval: number }).retval, run(instructions).code];
    });
    for (const [index, [kernel, ours]] of results.entries()) expect(ours, `program ${index}`).toBe(kernel);
    // Programs that all return the same would show nothing.
    expect(new Set(results.map(([kernel]) => kernel)).size).toBe(PROGRAMS);
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(pins, { recursive: true, force: true });
  }
});
