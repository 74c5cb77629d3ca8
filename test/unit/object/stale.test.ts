/** What a function can see of the stack before it ran, as the verifier counts: by slots of eight bytes. */
import { describe, expect, it } from "vitest";
import type { Program } from "../../../src/chain/index.ts";
import {
  add64Imm,
  callHelper,
  exit,
  type Instruction,
  jeqImm,
  mov64Imm,
  mov64Reg,
  R0,
  R1,
  R10,
  R2,
  stB,
  stDw,
  stW,
  stxDw,
  withLabel,
} from "../../../src/codegen/asm/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { openObject, xdpFunctions } from "../../../src/codegen/object/open.ts";
import { staleSlots } from "../../../src/codegen/object/stale.ts";
import { chainOf } from "../../support/chains.ts";
import { objectOf } from "../../support/verdict-program.ts";

const END = [mov64Imm(R0, 2), exit()];

describe("staleSlots", () => {
  it.each<[string, readonly Instruction[], readonly number[]]>([
    ["no stack", END, []],
    ["a slot that is written whole", [stDw(R10, -8, 1), stxDw(R10, -16, R1), ...END], []],
    ["a part of a slot", [stW(R10, -4, 1), ...END], [-8]],
    ["two halves, which the verifier does not put together", [stW(R10, -4, 1), stW(R10, -8, 1), ...END], [-8]],
    ["a part of what is whole already", [stDw(R10, -8, 1), stB(R10, -3, 1), ...END], []],
    ["a part of what is whole later", [stB(R10, -3, 1), stDw(R10, -8, 1), ...END], [-8]],
    [
      "a part of what is whole on one way",
      [jeqImm(R1, 0, "part"), stDw(R10, -8, 1), withLabel("part", stB(R10, -3, 1)), ...END],
      [-8],
    ],
    [
      "a part of what is whole on each way",
      [
        jeqImm(R1, 0, "other"),
        stDw(R10, -8, 1),
        jeqImm(R1, 1, "part"),
        withLabel("other", stxDw(R10, -8, R1)),
        withLabel("part", stB(R10, -3, 1)),
        ...END,
      ],
      [],
    ],
    [
      "a buffer that a helper fills",
      [mov64Reg(R2, R10), add64Imm(R2, -16), stDw(R2, 0, 0), callHelper(1), stDw(R10, -8, 0), ...END],
      [-16],
    ],
  ])("%s", (_, instructions, expected) => {
    const object = openObject(objectOf("f", instructions));
    expect(staleSlots(object, xdpFunctions(object)[0]!)).toEqual(expected);
  });
});

describe("an inlined chain", () => {
  const program = (name: string, ...stores: Instruction[]): Program => ({
    name,
    object: `${name}.bpf.o`,
    bytes: objectOf(`xdp_${name}`, [...stores, ...END]),
  });
  const [first, second] = [program("a", stW(R10, -4, 1)), program("b", stW(R10, -8, 1))];
  const third = program("c", stDw(R10, -8, 1), stW(R10, -12, 1));
  const chain = chainOf([first, second, third], { linkage: "inline" });
  const zeroed = (text: string): readonly string[] => text.match(/\*\(u64 \*\)\(r10 - \d+\) = 0/g) ?? [];

  it("zeros what each program but the first can see", () => {
    expect(zeroed(synthesise(chain).listing)).toEqual(["*(u64 *)(r10 - 8) = 0", "*(u64 *)(r10 - 16) = 0"]);
  });
});
