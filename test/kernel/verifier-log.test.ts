/**
 * The assembler's text against the kernel's own: what the verifier prints of an instruction is what `format` writes of it in
 * the kernel's dialect, and `parse` makes the instruction of it again. Random instructions: test/fuzz/targets/asm-kernel.ts.
 */
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as asm from "../../src/codegen/asm/index.ts";
import { type Instruction, R0, R1, R2, formatInstruction } from "../../src/codegen/asm/index.ts";
import { openKernel } from "../../src/loader/index.ts";
import { cornerInstructions } from "../support/instructions.ts";
import { kernelMissing } from "../support/samples.ts";
import { altered, disagreement, everyForm, tooNew } from "../support/verifier-dialect.ts";
import { openWitness, type Witness } from "../support/verifier.ts";

/** In the virtual machine, where a load takes a hundred times as long. */
const emulated = process.env["XDPGEN_VM"] !== undefined;

describe.skipIf(kernelMissing())("the verifier's log", () => {
  let witness: Witness;
  beforeAll(() => {
    witness = openWitness(openKernel());
  });
  afterAll(() => witness[Symbol.dispose]());

  /** Every disagreement at once. Instructions that the kernel does not know are printed with the reason. */
  function disagreements(instructions: readonly Instruction[], reach?: number): readonly string[] {
    const wrong: string[] = [];
    const unknown = new Map<string, number>();
    for (const instruction of instructions) {
      const reason = tooNew(instruction);
      if (reason !== undefined) unknown.set(reason, (unknown.get(reason) ?? 0) + 1);
      else wrong.push(...[disagreement(witness.show(instruction, reach))].filter((text) => text !== undefined));
    }
    for (const [reason, count] of unknown) console.log(`${count} of ${instructions.length} not shown: ${reason}`);
    return wrong;
  }

  it("is given back for a program that is taken and for one that is not, and nothing stays loaded", () => {
    const kernel = openKernel();
    const before = readdirSync("/proc/self/fd").length;
    const verify = (...code: Instruction[]) =>
      kernel.verify({ type: "xdp", name: "verified", instructions: asm.encode(code) });
    const taken = verify(asm.mov64Imm(R0, 2), asm.exit());
    expect(taken.refusal).toBeUndefined();
    expect(taken.log).toMatch(/^0: \(b7\) r0 = 2.*\n(.*\n)*1: \(95\) exit\n/m);
    const refused = verify(asm.mov64Reg(R0, R2), asm.exit());
    expect(refused.refusal).toMatchObject({ call: "bpf_prog_load", errnoName: "EACCES", log: refused.log });
    expect(refused.log).toMatch(/^R2 !read_ok$/m);
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  it("knows the opcodes that are known here, and no others", () => {
    const ours = new Set(everyForm().map(({ opcode }) => opcode));
    const known = Array.from({ length: 0x100 }, (_, opcode) => opcode).filter((opcode) => isKnown(opcode));
    expect(known.filter((opcode) => !ours.has(opcode))).toEqual([]);
    const missing = everyForm().filter((form) => !known.includes(form.opcode) && tooNew(form) === undefined);
    expect(missing).toEqual([]);
  });

  it("has every form of every instruction as it is written here", () => {
    const forms = everyForm();
    const reasons = new Map(forms.map((form) => [formatInstruction(form), altered(form)?.why]));
    for (const [text, why] of reasons)
      if (why !== undefined) console.log(`not printed as it was given: ${text}: ${why}`);
    expect(disagreements(forms)).toEqual([]);
  });

  it("has numbers at their least and greatest as they are written here", () => {
    const corners = cornerInstructions();
    expect(disagreements(emulated ? corners.filter((_, index) => index % 5 === 0) : corners)).toEqual([]);
  });

  it("has distances of 16 bits and of more", () => {
    const far = [asm.ja(-0x8000), asm.ja(0x7fff), asm.jeqImm(R1, 1, -0x8000), asm.jne32Reg(R1, R2, 0x7fff)];
    const farther = [-40_000, 40_000].flatMap((distance) => [
      asm.jaLong(distance),
      asm.callLocal(distance),
      asm.ldFunction(R1, distance),
    ]);
    expect(disagreements(emulated ? far.slice(0, 2) : [...far, ...farther], 50_000)).toEqual([]);
  });

  it("has a helper's name beside its number, and none where there is none", () => {
    expect(disagreements(Array.from({ length: 220 }, (_, index) => asm.callHelper(index - 3)))).toEqual([]);
  });
});

/** Whether any instruction has this opcode, by the table of the kernel (bpf_opcode_in_insntable in kernel/bpf/core.c). */
function isKnown(opcode: number): boolean {
  const instruction = Uint8Array.of(opcode, ...Array<number>(opcode === asm.LD_IMM64 ? 15 : 7).fill(0));
  const rest = asm.encode([asm.mov64Imm(R0, 0), asm.exit()]);
  const instructions = Uint8Array.of(...instruction, ...rest);
  const { log } = openKernel().verify({ type: "xdp", name: "opcode", instructions });
  // Of loads, and before Linux 5.12 of stores, the mode is looked at before the table.
  return !/unknown opcode|BPF_(LDX|STX) uses reserved fields/.test(log);
}
