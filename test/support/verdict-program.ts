/**
 * XDP programs whose verdict the packet itself prescribes, so that one loaded chain is tested with any verdicts.
 *
 *     0            4 * SLOTS            4 * SLOTS + 4
 *     code[SLOTS]  | how many have run  | place[SLOTS]
 *
 * Program k returns the 32-bit code[k], and writes to place[k] as the how-manieth program it ran.
 */
import type { Program } from "../../src/chain/index.ts";
import {
  add32Imm,
  add64Imm,
  exit,
  type Instruction,
  jeq32Imm,
  jgtReg,
  ldxB,
  ldxW,
  mov64Imm,
  mov64Reg,
  R0,
  R1,
  R2,
  R3,
  stxB,
  withLabel,
} from "../../src/codegen/asm/index.ts";
import { INT } from "../../src/codegen/dispatcher/function.ts";
import { dispatcherUnit } from "../../src/codegen/dispatcher/unit.ts";
import { link } from "../../src/codegen/link/link.ts";

/** How many programs a packet has room for: as many as a dispatcher. */
export const SLOTS = 255;
export const COUNT = 4 * SLOTS;
export const PLACE = COUNT + 4;
export const PACKET_SIZE = PLACE + SLOTS;

/** The object of program `k`; its function is `verdict_<k>`. Nothing in it tells which codes can come. */
export function verdictObject(k: number): Uint8Array {
  return made(`verdict_${k}`, () => [...visit(k), ldxW(R0, R1, 4 * k), exit(), ...short(0)]);
}

/** As `verdictObject`, and its code shows that it returns one of `codes`: what else is prescribed gives the first of them. */
export function boundedObject(k: number, codes: readonly number[]): Uint8Array {
  const [first, ...others] = codes.map((code) => code | 0);
  return made(
    `bounded_${k}`,
    () => [
      ...visit(k),
      ldxW(R2, R1, 4 * k),
      ...others.flatMap((code) => [mov64Imm(R0, code), jeq32Imm(R2, code, "out")]),
      mov64Imm(R0, first!),
      withLabel("out", exit()),
      ...short(first!),
    ],
    codes.join(),
  );
}

const objects = new Map<string, Uint8Array>();

/** The object of this function, made once: ten thousand chains are of the same few programs. */
function made(symbol: string, instructions: () => readonly Instruction[], variant = ""): Uint8Array {
  const key = `${symbol} ${variant}`;
  const known = objects.get(key);
  if (known) return known;
  const object = objectOf(symbol, instructions());
  objects.set(key, object);
  return object;
}

/** R1 = the packet, its place noted; too short a packet goes to `short`. */
function visit(k: number): readonly Instruction[] {
  return [
    ldxW(R2, R1, 4), // xdp_md.data_end
    ldxW(R1, R1, 0), // xdp_md.data
    mov64Reg(R3, R1),
    add64Imm(R3, PACKET_SIZE),
    jgtReg(R3, R2, "short"),
    ldxB(R2, R1, COUNT),
    add32Imm(R2, 1),
    stxB(R1, COUNT, R2),
    stxB(R1, PLACE + k, R2),
  ];
}

function short(code: number): readonly Instruction[] {
  return [withLabel("short", mov64Imm(R0, code)), exit()];
}

/** An object whose only function, in section `xdp`, has these instructions. */
export function objectOf(symbol: string, instructions: readonly Instruction[]): Uint8Array {
  const lines = [{ index: 0, text: symbol }];
  const unit = dispatcherUnit([{ symbol, returns: INT, instructions, lines }], "verdict-program.ts");
  return link({ units: [unit], section: "xdp", license: "GPL" }).elf;
}

/** A packet that makes program k return `codes[k]`. */
export function verdictPacket(codes: readonly number[]): Uint8Array {
  const packet = new Uint8Array(PACKET_SIZE);
  const view = new DataView(packet.buffer);
  codes.forEach((code, k) => view.setUint32(4 * k, code, true));
  return packet;
}

/** The numbers of the programs that ran, in the order in which they ran. */
export function visited(packet: Uint8Array): readonly number[] {
  const places = [...packet.subarray(PLACE, PLACE + SLOTS)].map((place, k) => ({ place, k }));
  return places
    .filter(({ place }) => place > 0)
    .toSorted((a, b) => a.place - b.place)
    .map(({ k }) => k);
}

/** Program `k` of a chain, named `p<k>`. */
export function numbered(k: number, rest: Partial<Program> = {}): Program {
  return { name: `p${k}`, object: `p${k}.bpf.o`, bytes: verdictObject(k), priority: k, ...rest };
}
