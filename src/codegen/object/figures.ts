/**
 * The figures of a program, read from its object: what it takes of the kernel's limits, and its stack. In: an object and a
 * function of it. Out: numbers, the same on every machine. What the verifier says of it is known when it is loaded.
 */
import { slots } from "../asm/index.ts";
import { type CodeInstruction, readCode } from "./code.ts";
import { type Needs, needs } from "./needs.ts";
import type { ObjectFunction, XdpObject } from "./open.ts";
import { roundedFrame, stackUse } from "./stack.ts";

export interface Figures extends Needs {
  /**
   * Bytes of the main function's own frame. Null where an address in it cannot be followed in the code, which is not to say
   * that the verifier cannot: a loop may take an address down, or a number be added that could be negative.
   */
  readonly frame: number | null;
  /**
   * Bytes of the deepest chain of frames, its own included, each in steps of 32 as kernels up to 6.1 count; later ones count
   * in steps of 16, so no more than this. Null where some frame of it is.
   */
  readonly stack: number | null;
}

/** @throws XdpgenError `object-invalid` where a reference in the code leads nowhere */
export function figuresOf(object: XdpObject, main: ObjectFunction): Figures {
  const { own, added, below } = stackUse(object, main);
  const frame = own === "unknown" ? null : own + added;
  return {
    ...needs([main], (f) => {
      const code = readCode(object, f);
      return {
        length: code.reduce((sum, { instruction }) => sum + slots(instruction), 0),
        functions: code.flatMap(({ reference }) => (reference?.kind === "function" ? [reference.function] : [])),
        maps: code.flatMap((each) => mapOf(object, each) ?? []),
      };
    }),
    frame,
    stack: frame === null || below === "unknown" ? null : roundedFrame(frame) + below,
  };
}

function mapOf(object: XdpObject, { reference }: CodeInstruction): string | undefined {
  switch (reference?.kind) {
    case "map":
      return `.maps ${reference.offset}`;
    case "data":
      return `section ${reference.section}`;
    case "extern":
      return isConfiguration(object, reference.name) ? ".kconfig" : undefined;
    case "function":
    case undefined:
      return undefined;
  }
}

/** What `__kconfig` variables are read from is one map, which libbpf fills. */
function isConfiguration({ btf }: XdpObject, name: string): boolean {
  return btf.types.some(
    (section) =>
      section.kind === "datasec" &&
      section.name === ".kconfig" &&
      section.vars.some(({ type }) => {
        const variable = btf.types[type - 1];
        return variable?.kind === "var" && variable.name === name;
      }),
  );
}
