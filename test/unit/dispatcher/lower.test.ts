/** What the verifier asks of a dispatcher's main function, whatever the programs can return: every instruction is reached. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { CALL, decode, EXIT, type Instruction, isJump } from "../../../src/codegen/asm/index.ts";
import { JA } from "../../../src/codegen/asm/opcodes.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { chainOf } from "../../support/chains.ts";
import { boundedObject } from "../../support/verdict-program.ts";

/** Indexes of the instructions that no path from the first one comes to. No instruction of a main function takes two slots. */
function unreached(code: readonly Instruction[]): readonly number[] {
  const seen = new Set<number>();
  const open = [0];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (seen.has(index)) continue;
    seen.add(index);
    const { opcode, off } = code[index]!;
    if (opcode === EXIT) continue;
    if (opcode !== JA) open.push(index + 1);
    if (isJump(opcode) && opcode !== CALL) open.push(index + 1 + off);
  }
  return [...code.keys()].filter((index) => !seen.has(index));
}

const program = fc.record({
  codes: fc.uniqueArray(fc.constantFrom(0, 1, 2, 3, 4, 31, 77), { minLength: 1, maxLength: 3 }),
  proceedOn: fc.uniqueArray(fc.constantFrom("drop" as const, "pass" as const, "tx" as const), { minLength: 1 }),
});

it("has no dead code, also behind a program that always ends the chain", () => {
  fc.assert(
    fc.property(fc.array(program, { minLength: 2, maxLength: 6 }), fc.constantFrom("verdict", "drop"), (list, end) => {
      const programs = list.map(({ codes, proceedOn }, k) => ({
        name: `p${k}`,
        object: `p${k}`,
        bytes: boundedObject(k, codes),
        proceedOn,
      }));
      const { elf } = synthesise(chainOf(programs, { linkage: "call", end }));
      expect(unreached(decode(readElf(elf).sections[0]!.data))).toEqual([]);
    }),
    {
      examples: [
        [
          [
            { codes: [1], proceedOn: ["pass"] },
            { codes: [2], proceedOn: ["pass"] },
          ],
          "verdict",
        ],
      ],
    },
  );
});
