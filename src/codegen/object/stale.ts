/**
 * Slots of a function's frame through which it can see what was on the stack before it ran, as far as the verifier knows.
 * That one keeps account of eight bytes at a time: a slot of which a function writes four, and reads those four, counts as
 * read from before. Alone there is nothing before; behind another program's code there is what that one left, and the
 * function is walked again for each thing that it can be. Where zeros stand it is walked once.
 *
 * A helper that fills a buffer, and a store through another register than R10, do not count as writing. So the answer may
 * hold a slot too many, which costs a store, and may lack one, which costs the verifier a walk; the meaning is the same.
 */
import { BPF_DW, BPF_MEM, BPF_ST, BPF_STX } from "../asm/constants.ts";
import { R10 } from "../asm/index.ts";
import { onceEach } from "../once.ts";
import { readCode } from "./code.ts";
import { successors } from "./flow.ts";
import { frameSize } from "./frame.ts";
import type { ObjectFunction, XdpObject } from "./open.ts";

const SLOT = 8;

/** Offsets from R10, multiples of -8, from the top down. None where it is not known how much of the stack is the function's. */
export const staleSlots = onceEach((object: XdpObject, f: ObjectFunction): readonly number[] => {
  const frame = frameSize(object, f);
  if (frame === "unknown") return [];
  const code = readCode(object, f);
  const at = new Map(code.map((step) => [step.offset / 8, step]));
  /** What is whole on every way to an instruction. */
  const before = new Map<number, ReadonlySet<number>>([[0, new Set()]]);
  const work = [0];
  for (let pc = work.pop(); pc !== undefined; pc = work.pop()) {
    const step = at.get(pc);
    if (!step) continue;
    const { opcode, dst, off } = step.instruction;
    const whole = dst === R10 && WHOLE.has(opcode) && off % SLOT === 0 ? off : undefined;
    const earlier = before.get(pc)!;
    const after = whole === undefined || earlier.has(whole) ? earlier : new Set([...earlier, whole]);
    const { next, jump } = successors(step) ?? {};
    for (const to of [next, jump]) {
      if (to === undefined) continue;
      const old = before.get(to);
      const both = old ? new Set([...old].filter((slot) => after.has(slot))) : after;
      if (old?.size === both.size) continue;
      before.set(to, both);
      work.push(to);
    }
  }
  const written = new Set<number>();
  const stale = new Set<number>();
  for (const [pc, whole] of before) {
    const { opcode, dst, off } = at.get(pc)?.instruction ?? {};
    if (opcode === undefined || off === undefined || dst !== R10 || !isStore(opcode)) continue;
    const slot = SLOT * Math.floor(off / SLOT);
    if (WHOLE.has(opcode)) written.add(slot);
    else if (!whole.has(slot)) stale.add(slot);
  }
  const slots = Array.from({ length: Math.ceil(frame / SLOT) }, (_, nth) => -SLOT * (nth + 1));
  return slots.filter((slot) => stale.has(slot) || !written.has(slot));
});

const WHOLE: ReadonlySet<number> = new Set([BPF_ST | BPF_MEM | BPF_DW, BPF_STX | BPF_MEM | BPF_DW]);

function isStore(opcode: number): boolean {
  return (opcode & 0x07) === BPF_ST || (opcode & 0x07) === BPF_STX;
}
