/**
 * The verifier's log as a witness of what instructions are called. In: one instruction. Out: the line that the kernel prints
 * of it (print_bpf_insn in kernel/bpf/disasm.c).
 *
 * The verifier prints an instruction before it checks it, so one that nobody may use is shown as well. What it checks first
 * is a program's shape: jumps land inside, everything can be reached, functions end, and maps, types and kernel functions
 * exist. So each instruction gets a program of its own with what its shape needs around it; a load takes 0.1 ms.
 */
import { readFileSync } from "node:fs";
import {
  BPF_MOV,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  CALL,
  LD_IMM64,
  R0,
  R1,
  callLocal,
  encode,
  exit,
  type Instruction,
  jneImm,
  isAlu,
  layout,
  ldxW,
  mov64Imm,
  operationOf,
  slotOffsets,
  slots,
  withLabel,
} from "../../src/codegen/asm/index.ts";
import { distanceField } from "../../src/codegen/asm/opcodes.ts";
import { type Btf, decodeBtf } from "../../src/codegen/btf/index.ts";
import type { Kernel } from "../../src/loader/machine/kernel.ts";
import { Sample } from "./samples.ts";

export interface Shown {
  /** What the verifier saw: numbers that mean nothing on this machine are replaced, and distances too far to be shown. */
  readonly instruction: Instruction;
  /** What it printed, without the slot before and the registers behind; undefined where it did not come that far. */
  readonly line: string | undefined;
  readonly log: string;
}

export interface Witness extends Disposable {
  /** @param reach the longest distance of a jump or call that is shown as it is, in slots; each slot costs a microsecond */
  show(instruction: Instruction, reach?: number): Shown;
}

export function openWitness(kernel: Kernel): Witness {
  // Any array map will do; this one's value has 20 bytes.
  const sample = new Sample(kernel, "echo");
  const map = sample.map(".rodata");
  return {
    show(given, reach = 64) {
      const instruction = nearby(real(given, { fd: map.fd(), valueSize: map.valueSize }), reach);
      const { instructions, index } = programAround(instruction);
      const code = layout(instructions);
      const slot = slotOffsets(code)[index]!;
      // Kernels before 5.14 refuse a list of fds, whatever is in it.
      const listed = instruction.opcode === LD_IMM64 && instruction.src >= BPF_PSEUDO_MAP_IDX;
      const program = { type: "xdp", name: "shown", instructions: encode(code) } as const;
      const { log } = kernel.verify(listed ? { ...program, fdArray: [map.fd()] } : program);
      const line = new RegExp(`^${slot}: (\\([0-9a-f]{2}\\) .*?)(?:\\s*;.*)?$`, "m").exec(log)?.[1];
      return { instruction, line, log };
    },
    [Symbol.dispose]: () => sample[Symbol.dispose](),
  };
}

let types: Btf["types"] | undefined;
let btfId: number | undefined;
let kfunc: number | undefined;

/** The type id of something in the kernel. That no XDP program may call or read it does not matter. */
function kernelType(kind: "func" | "var", name: string): number {
  types ??= decodeBtf(readFileSync("/sys/kernel/btf/vmlinux")).types;
  return types.findIndex((type) => type.kind === kind && type.name === name) + 1;
}

/** A kfunc of Linux 6.2, or where there is none yet, any function: that it is no kfunc is noticed later. */
const kernelFunction = (): number => kernelType("func", "bpf_rdonly_cast") || kernelType("func", "kfree");

/**
 * The type of a variable that the kernel knows the address of. It has none without CONFIG_KALLSYMS_ALL, nor where the tool
 * that wrote its types left variables out, as for Debian's 5.10.
 */
export function kernelVariable(): number | undefined {
  const known = readFileSync("/proc/kallsyms", "utf8").includes(" runqueues\n");
  return (known && kernelType("var", "runqueues")) || undefined;
}

/**
 * With numbers of things that exist: there are two address spaces, and a cast goes from one to the other. The high half of an `ld_imm64` is
 * a byte of a map's value, or reserved.
 */
function real(i: Instruction, map: { readonly fd: number; readonly valueSize: number }): Instruction {
  if (i.opcode === CALL && i.src === BPF_PSEUDO_KFUNC_CALL) return { ...i, imm: (kfunc ??= kernelFunction()), off: 0 };
  if (isAlu(i.opcode) && operationOf(i.opcode) === BPF_MOV && i.off === 1)
    return { ...i, imm: i.imm & 1 ? 0x0000_0001 : 0x0001_0000 };
  if (i.opcode !== LD_IMM64 || i.src === 0) return i;
  const byte = Math.abs(i.immHigh!) % map.valueSize;
  switch (i.src) {
    case BPF_PSEUDO_MAP_FD:
      return { ...i, imm: map.fd, immHigh: 0 };
    case BPF_PSEUDO_MAP_VALUE:
      return { ...i, imm: map.fd, immHigh: byte };
    case BPF_PSEUDO_MAP_IDX:
      return { ...i, imm: 0, immHigh: 0 };
    case BPF_PSEUDO_MAP_IDX_VALUE:
      return { ...i, imm: 0, immHigh: byte };
    case BPF_PSEUDO_BTF_ID:
      return { ...i, imm: (btfId ??= kernelVariable() ?? kernelType("func", "kfree")), immHigh: 0 };
    default:
      return { ...i, immHigh: 0 };
  }
}

const entersFunction = ({ opcode, src }: Instruction): boolean =>
  (opcode === CALL && src === BPF_PSEUDO_CALL) || (opcode === LD_IMM64 && src === BPF_PSEUDO_FUNC);

/**
 * With a distance within reach. A function cannot start right behind the instruction that enters it, since the one before
 * has to end first.
 */
function nearby(i: Instruction, reach: number): Instruction {
  const field = distanceField(i);
  if (field === undefined) return i;
  const distance = Math.abs(i[field]) > reach ? (i[field] % reach) + 0 : i[field];
  const least = slots(i);
  return { ...i, [field]: entersFunction(i) && distance >= 0 && distance < least ? least : distance };
}

/** R0 = the interface's index, in struct xdp_md. */
const unknown = (): Instruction => ldxW(R0, R1, 12);

const padding = (count: number): Instruction[] => Array.from({ length: count }, () => mov64Imm(R0, 0));

/** The least program in which the instruction stands, at `index`, and is walked. */
function programAround(i: Instruction): { readonly instructions: readonly Instruction[]; readonly index: number } {
  const field = distanceField(i);
  const distance = field === undefined ? 0 : i[field];
  if (!entersFunction(i)) {
    // May be taken: what keeps the code behind an `exit` or `goto` from being unreachable. Of a register whose value it knows
    // the verifier of 7.2 shows how a jump goes, and not the jump.
    const before = [...padding(Math.max(0, -distance - 4)), unknown(), jneImm(R0, 0, "behind"), unknown()];
    const behind = [withLabel("behind", mov64Imm(R0, 0)), ...padding(Math.max(0, distance)), exit()];
    return { instructions: [...before, i, ...behind], index: before.length };
  }
  if (distance >= 0) {
    const between = [...padding(distance - slots(i)), exit()];
    return { instructions: [i, ...between, mov64Imm(R0, 0), exit()], index: 0 };
  }
  // The main function calls the one that looks back, at itself or at the one between.
  const between = distance === -1 ? [] : [...padding(-distance - 2), exit()];
  const before = [callLocal("looks back"), exit(), ...between];
  return { instructions: [...before, withLabel("looks back", i), exit()], index: before.length };
}
