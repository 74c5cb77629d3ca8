/**
 * Layout with long jumps in the kernel: every conditional jump over more than 32767 slots, forward and back, is verified
 * and decides as the same jump does in the interpreter when its target is near.
 */
import { expect, test } from "vitest";
import * as asm from "../../src/codegen/asm/index.ts";
import {
  type Instruction,
  R0,
  R1,
  R2,
  R3,
  R6,
  R7,
  add64Imm,
  exit,
  ja,
  type jeqImm,
  jgtReg,
  layout,
  ldxDw,
  ldxW,
  mayGoto,
  mov64Imm,
  mov64Reg,
  withLabel,
} from "../../src/codegen/asm/index.ts";
import { openKernel } from "../../src/loader/index.ts";
import { run } from "../support/interpreter.ts";
import { lacking } from "../support/kernel-differences.ts";
import { kernelMissing } from "../support/samples.ts";
import { objectOf } from "../support/verdict-program.ts";

const SPACE: readonly Instruction[] = Array.from({ length: 0x8000 }, () => mov64Imm(R3, 0));

const CONDITIONAL = (Object.entries(asm) as [string, unknown][])
  .filter(([name]) => /^j(?!a).*(Imm|Reg)$/.test(name))
  .map(([name, build]) => [name, build as typeof jeqImm] as const);

/** Returns 3 if the jump goes forward and back again, and 1 if it does not. R6 and R7 are what the packet begins with. */
function thereAndBack(jump: (target: string) => Instruction, space: readonly Instruction[]): readonly Instruction[] {
  return [
    ja("start"),
    withLabel("back", mov64Imm(R0, 3)),
    exit(),
    withLabel("start", jump("far")),
    mov64Imm(R0, 1),
    ...space,
    exit(),
    withLabel("far", jump("back")),
    mov64Imm(R0, 4),
    exit(),
  ];
}

/** What an XDP program does before it may read sixteen bytes of a packet. */
const PROLOGUE: readonly Instruction[] = [
  ldxW(R2, R1, 4), // xdp_md.data_end
  ldxW(R1, R1, 0), // xdp_md.data
  mov64Reg(R3, R1),
  add64Imm(R3, 16),
  jgtReg(R3, R2, "short"),
  ldxDw(R6, R1, 0),
  ldxDw(R7, R1, 8),
  ja("body"),
  withLabel("short", mov64Imm(R0, 5)),
  exit(),
];

async function inKernel(code: readonly Instruction[], packets: readonly Uint8Array[]): Promise<readonly number[]> {
  const kernel = openKernel();
  const program = [...PROLOGUE, withLabel("body", mov64Imm(R0, 0)), ...code];
  using object = kernel.openObject(objectOf("long_jumps", layout(program, { longJumps: true })), "long-jumps");
  object.programs[0]!.makeXdp();
  object.load();
  const codes: number[] = [];
  for (const data of packets) codes.push((await kernel.testRun(object.programs[0]!.fd(), { data })).retval);
  return codes;
}

const packet = (left: bigint, right: bigint): Uint8Array => {
  const bytes = new Uint8Array(64);
  new DataView(bytes.buffer).setBigUint64(0, left, true);
  new DataView(bytes.buffer).setBigUint64(8, right, true);
  return bytes;
};

test.skipIf(kernelMissing()).for(CONDITIONAL)("%s, 32768 slots away", async ([name, build], context) => {
  const reason = lacking("long jumps (gotol)");
  context.skip(reason !== undefined, reason);
  const jump = (target: string): Instruction => build(R6, name.endsWith("Imm") ? 5 : R7, target);
  const values = [2n, 5n, 6n, 2n ** 64n - 1n];
  const near = layout([mov64Reg(R6, R1), mov64Reg(R7, R2), ...thereAndBack(jump, [])]);
  const expected = values.map((value) => run(near, { args: [value, 5n] }).code);
  expect(new Set(expected)).toEqual(new Set([1, 3]));
  const codes = await inKernel(
    thereAndBack(jump, SPACE),
    values.map((value) => packet(value, 5n)),
  );
  expect(codes).toEqual(expected);
});

test.skipIf(kernelMissing())("may_goto, 32768 slots away", async (context) => {
  const reason = lacking("loops that the kernel bounds (may_goto)");
  context.skip(reason !== undefined, reason);
  const code = [mayGoto("far"), mov64Imm(R0, 1), ...SPACE, exit(), withLabel("far", mov64Imm(R0, 2)), exit()];
  expect(await inKernel(code, [packet(0n, 0n)])).toEqual([1]);
});
