/** How far below R10 a function touches the stack, by itself and through the addresses that it gives away. */
import { describe, expect, it } from "vitest";
import { writeElf } from "../../../src/codegen/elf/index.ts";
import { frameSize, type FrameSize } from "../../../src/codegen/object/frame.ts";
import { openObject, xdpFunctions } from "../../../src/codegen/object/open.ts";
import { parseObject } from "../../../src/codegen/source/index.ts";

/** Of `xdp_prog`, which may call `callee`. */
function frameOf(code: string, callee = "exit"): FrameSize {
  const text = `
    .text
    .type callback,@function
callback:
    *(u8 *)(r2 - 30) = r1
    r0 = 0
    exit
    .size callback, . - callback
    .type callee,@function
callee:
    ${callee}
    .size callee, . - callee
    .section xdp,"ax",@progbits
    .globl xdp_prog
    .type xdp_prog,@function
xdp_prog:
    ${code}
    r0 = 2
    exit
    .size xdp_prog, . - xdp_prog`;
  const object = openObject(writeElf(parseObject(text)));
  return frameSize(object, xdpFunctions(object)[0]!);
}

describe("frameSize", () => {
  it.each<[string, string, FrameSize]>([
    ["nothing", "r1 = 0", 0],
    ["a place by R10", "*(u64 *)(r10 - 24) = r1", 24],
    ["a place through another register", "r2 = r10; r2 += -40; *(u8 *)(r2 + 3) = r1", 37],
    ["an address with an unknown number", "r2 = *(u32 *)(r1 + 0); r2 <<= 63; r3 = r10; r3 += r2", "unknown"],
    [
      "an address that was put into the frame",
      "r2 = r10; r2 += -64; *(u64 *)(r10 - 8) = r2; r3 = *(u64 *)(r10 - 8); *(u8 *)(r3 + 0) = r1",
      64,
    ],
    [
      "what stands in another place of the frame is none",
      "r2 = r10; r2 += -64; *(u64 *)(r10 - 8) = r2; r3 = *(u64 *)(r10 - 16); r3 -= r1",
      16,
    ],
    [
      "nor is what took its place",
      "r2 = r10; r2 += -64; *(u64 *)(r10 - 8) = r2; *(u64 *)(r10 - 8) = r1; r3 = *(u64 *)(r10 - 8); r3 -= r1",
      8,
    ],
    [
      "through another register any place of the frame is loaded",
      "r2 = r10; r2 += -64; *(u64 *)(r10 - 8) = r2; r4 = r10; r3 = *(u64 *)(r4 - 8); *(u8 *)(r3 - 1) = r1",
      65,
    ],
    [
      "what was put somewhere through another register is loaded from anywhere",
      "r2 = r10; r2 += -64; r4 = r10; *(u64 *)(r4 - 8) = r2; r3 = *(u64 *)(r10 - 8); *(u8 *)(r3 + 0) = r1",
      64,
    ],
  ])("%s", (_, code, expected) => expect(frameOf(code)).toBe(expected));

  it.each<[string, string, string, FrameSize]>([
    ["touches what it is handed", "r1 = r10; r1 += -16; call callee", "*(u8 *)(r1 - 8) = r2; exit", 24],
    [
      "touches what lies behind what it is handed",
      "r2 = r10; r2 += -64; *(u64 *)(r10 - 8) = r2; r1 = r10; r1 += -8; call callee",
      "r2 = *(u64 *)(r1 + 0); *(u8 *)(r2 - 3) = r1; exit",
      67,
    ],
    [
      "hands on what lies behind what it is handed",
      "r2 = r10; r2 += -64; *(u64 *)(r10 - 8) = r2; r1 = r10; r1 += -8; call callee",
      "r2 = *(u64 *)(r1 + 0); *(u64 *)(r1 + 0) = r2; exit",
      "unknown",
    ],
    [
      "hands it to a callback that its caller names",
      "r1 = r10; r1 += -16; r2 = callback ll; call callee",
      "r3 = r1; r1 = 8; r4 = 0; call 181; exit",
      46,
    ],
    ["has a frame of its own", "r1 = r10; r1 += -16; call callee", "*(u64 *)(r10 - 256) = r1; exit", 16],
    ["is handed nothing", "*(u64 *)(r10 - 8) = r1; r1 = 0; call callee", "r2 = *(u64 *)(r1 + 0); exit", 8],
  ])("a callee %s", (_, code, callee, expected) => expect(frameOf(code, callee)).toBe(expected));
});
