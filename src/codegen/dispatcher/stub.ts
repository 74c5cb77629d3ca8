/**
 * The stub of an `freplace` slot: a global function with the signature of its program, which returns 31 until an
 * extension takes its place.
 *
 * Since Linux 6.13 a program that changes packet data may replace only a function that does so too, and what counts is
 * the static control flow (kernel/bpf/verifier.c, visit_insn). So the stub holds a call to bpf_xdp_adjust_tail behind a
 * branch whose outcome the verifier knows: it marks the stub, is removed as dead code, and costs no executed instruction.
 */
import { NO_VERDICT } from "../../chain/chain.ts";
import { BPF_FUNC_xdp_adjust_tail } from "../asm/constants.ts";
import { callHelper, exit, type Instruction, jeqImm, mov64Imm, R0, R2, withLabel } from "../asm/index.ts";
import type { ResolvedObject } from "../object/program.ts";
import { returnType } from "../object/signature.ts";
import { type DispatcherFunction, INT } from "./function.ts";

/** @param code what the stub returns while no extension is bound to it */
export function stubFunction(program: ResolvedObject, symbol: string, code: number = NO_VERDICT): DispatcherFunction {
  return {
    symbol,
    returns: returnType(program.object.btf, program.main.type) ?? INT,
    instructions: code === NO_VERDICT ? UNBOUND : returning(code),
    lines: [{ index: 0, text: `${program.name}: replaced by ${program.function} of ${program.path}` }],
  };
}

function returning(code: number): readonly Instruction[] {
  return [
    mov64Imm(R0, code),
    jeqImm(R0, code, "done"),
    mov64Imm(R2, 0),
    callHelper(BPF_FUNC_xdp_adjust_tail),
    withLabel("done", exit()),
  ];
}

/** One list for all stubs, see `once`. */
const UNBOUND = returning(NO_VERDICT);
