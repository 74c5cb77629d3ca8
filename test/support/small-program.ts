/**
 * A program that stands for any: it returns DROP, 31 or PASS, as the packet's first byte says, and counts in the second one
 * that it ran. Assembled here, so that a dispatcher with its code in it is the same on every machine.
 */
import type { Chain, Program } from "../../src/chain/index.ts";
import {
  add64Imm,
  exit,
  type Instruction,
  jeqImm,
  layout,
  ldxB,
  ldxW,
  mov32Imm,
  R0,
  R1,
  R2,
  R3,
  stxB,
  withLabel,
} from "../../src/codegen/asm/index.ts";
import { run, type RunOptions } from "./interpreter.ts";
import { objectOf } from "./verdict-program.ts";

const SMALL: readonly Instruction[] = [
  ldxW(R1, R1, 0), // xdp_md.data
  ldxB(R2, R1, 0),
  ldxB(R3, R1, 1),
  add64Imm(R3, 1),
  stxB(R1, 1, R3),
  mov32Imm(R0, 1),
  jeqImm(R2, 1, "out"),
  mov32Imm(R0, 31),
  jeqImm(R2, 31, "out"),
  mov32Imm(R0, 2),
  withLabel("out", exit()),
];

/** The chain with a small program in the place of each of its own, all inlined. */
export function withSmallPrograms({ programs, ...chain }: Chain): Chain {
  const small = programs.map((program): Program => {
    const symbol = `xdp_${program.name.replaceAll("-", "_")}`;
    // It has no variables to set.
    const { globals: _, ...rest } = program;
    return { ...rest, function: symbol, linkage: "inline", bytes: objectOf(symbol, SMALL) };
  });
  return { ...chain, programs: small };
}

export interface SmallRun {
  /** How many programs ran. */
  readonly ran: number;
  /** Instructions executed. */
  readonly steps: number;
}

/** A dispatcher of small programs, all of which return one code. */
export function runSmall(code: readonly Instruction[], returned: number, options: RunOptions = {}): SmallRun {
  const packet = Uint8Array.of(returned, 0);
  const [context, data] = [0x1000n, 0x2000n];
  const fields = new Uint8Array(Uint32Array.of(Number(data), Number(data) + packet.length).buffer);
  const memory = [...(options.memory ?? []), { base: context, bytes: fields }, { base: data, bytes: packet }];
  return { steps: run(code, { ...options, args: [context], memory }).steps, ran: packet[1]! };
}

/** What one of them executes alone. */
export const smallAlone = (returned: number): number => runSmall(layout(SMALL), returned).steps;
