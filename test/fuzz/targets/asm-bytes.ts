import {
  BPF_CMPXCHG,
  BPF_LOAD_ACQ,
  BPF_STORE_REL,
  type Instruction,
  LD_IMM64,
  decode,
  encode,
  formatInstruction,
} from "../../../src/codegen/asm/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { cornerInstructions } from "../../support/instructions.ts";
import { checkInput, withoutStacks } from "../check.ts";
import { guided } from "../guided.ts";
import { showBytes } from "../shrink.ts";
import type { FuzzTarget } from "../target.ts";

/**
 * Any bytes are instructions or refused. A third of the cases walks through every opcode with every register and the
 * values of `off` and `imm` that mean something somewhere: a run goes on where the run of the seed before it ended, so that
 * a long campaign sees all. The rest is bred from valid code.
 */
const target: FuzzTarget = {
  name: "asm-bytes",
  claim: "decode makes of any bytes instructions that encode to them, or names the first slot that is wrong",
  cases: 100_000,
  run(seed, cases) {
    const walked = Math.floor(cases / 3);
    walk(seed * walked, walked);
    return (
      walked +
      guided({ name: target.name, seeds: parents(), check, cases: cases - walked, seed, files: /src\/codegen\/asm\// })
    );
  },
};
export default target;

const OFFS = [0, 1, 8, 16, 32, 0x7fff, -1, -0x8000];
const IMMS = [0, 1, -1, 16, 32, 64, BPF_CMPXCHG, BPF_LOAD_ACQ, BPF_STORE_REL, 0x51, 0x7fff_ffff, -0x8000_0000];
const COMBINATIONS = 0x1_0000 * OFFS.length * IMMS.length;

/** Checks `count` of all combinations of fields, from the given one on. */
function walk(start: number, count: number): void {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const slot = bytes.subarray(0, 8);
  withoutStacks(() => {
    for (let nth = 0; nth < count; nth++) {
      const number = (start + nth) % COMBINATIONS;
      const [opcodeAndRegisters, values] = [number & 0xffff, Math.floor(number / 0x1_0000)];
      view.setUint16(0, opcodeAndRegisters, true);
      view.setInt16(2, OFFS[values % OFFS.length]!, true);
      view.setInt32(4, IMMS[Math.floor(values / OFFS.length)]!, true);
      checkInput(check, bytes[0] === LD_IMM64 ? bytes : slot);
    }
  });
}

/** Every instruction, eight at a time, and what no instruction begins with. */
function parents(): Uint8Array[] {
  const all = cornerInstructions();
  const starts = Array.from({ length: Math.ceil(all.length / 8) }, (_, nth) => nth * 8);
  return [new Uint8Array(), ...starts.map((start) => encode(all.slice(start, start + 8)))];
}

function check(bytes: Uint8Array): void {
  const view = withinMore(bytes);
  const strict = outcome(() => decode(view));
  const alone = outcome(() => decode(bytes));
  expect(sameOutcome(strict, alone), () => "it decodes otherwise as a part of more bytes");
  const lenient = outcome(() => decode(view, { lenient: true }));
  if ("value" in strict) {
    const again = encode(strict.value);
    expect(sameBytes(again, bytes), () => `it encodes to ${showBytes(again)}`);
    expect("value" in lenient && sameList(strict.value, lenient.value), () => "lenient decodes it otherwise");
    return;
  }
  expect(isFirstWrong(view, strict.place), () => `byte ${strict.place} is named and is not the first that is wrong`);
  if (!("value" in lenient)) return;
  for (const instruction of lenient.value) expect(formatInstruction(instruction) !== "", () => "it has no text");
  expect("place" in outcome(() => encode(lenient.value)), () => "encode accepts what decode refuses");
}

/** Whether all before the slot at this byte decodes, so that it or the instruction that it ends is the first to be wrong. */
function isFirstWrong(view: Uint8Array, at: number): boolean {
  if (view.length % 8 !== 0) return at === view.length - (view.length % 8);
  const decodes = (end: number): boolean => "value" in outcome(() => decode(view.subarray(0, end)));
  if (at % 8 !== 0 || at >= view.length) return false;
  return decodes(at) || (at >= 8 && view[at - 8] === LD_IMM64 && decodes(at - 8));
}

const AROUND = new Uint8Array(4096).fill(0x95);

/** The bytes as a view into more of them, at an odd place: what stands around must not matter. */
function withinMore(bytes: Uint8Array): Uint8Array {
  if (bytes.length + 16 > AROUND.length) return bytes;
  AROUND.set(bytes, 3);
  return AROUND.subarray(3, 3 + bytes.length);
}

type Outcome<T> = { readonly value: T } | { readonly place: number };

/** What comes of it, or the byte or instruction that its refusal names. Any other exception is a bug and goes on. */
function outcome<T>(attempt: () => T): Outcome<T> {
  try {
    return { value: attempt() };
  } catch (error) {
    if (!(error instanceof XdpgenError) || error.code !== "asm-invalid") throw error;
    const place = / (?:at byte|instruction) (\d+)/.exec(error.message)?.[1];
    if (place === undefined) throw new Error(`no place in the message: ${error.message}`, { cause: error });
    return { place: Number(place) };
  }
}

function sameOutcome(a: Outcome<Instruction[]>, b: Outcome<Instruction[]>): boolean {
  return "value" in a ? "value" in b && sameList(a.value, b.value) : "place" in b && a.place === b.place;
}

function expect(condition: boolean, message: () => string): void {
  if (!condition) throw new Error(message());
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function sameList(a: readonly Instruction[], b: readonly Instruction[]): boolean {
  const same = (x: Instruction, y: Instruction): boolean =>
    x.opcode === y.opcode &&
    x.dst === y.dst &&
    x.src === y.src &&
    x.off === y.off &&
    x.imm === y.imm &&
    x.immHigh === y.immHigh;
  return a.length === b.length && a.every((instruction, index) => same(instruction, b[index]!));
}
