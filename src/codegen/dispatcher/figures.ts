/** The figures of a synthesised dispatcher and of the programs in it, read from the objects that are loaded. */
import { figuresOf, type Figures } from "../object/figures.ts";
import { openObject } from "../object/open.ts";
import { isTailCalled } from "../object/program.ts";
import type { Plan } from "../plan/plan.ts";

export interface ProgramFigures extends Figures {
  /** The program's name in the chain. */
  readonly program: string;
}

export interface ImageFigures {
  /**
   * Of the program that the kernel gets, with all that is linked in, and the stubs of what is not. What the limits of one
   * program are about.
   */
  readonly dispatcher: Figures;
  /**
   * Of each program alone that comes as an object, as the object has it, in the order of the chain. What is linked counts in
   * the dispatcher too: there an inlined main function is none, and instructions go that are not needed.
   */
  readonly programs: readonly ProgramFigures[];
}

export function imageFigures(plan: Plan, elf: Uint8Array, main: string): ImageFigures {
  const object = openObject(elf);
  return {
    dispatcher: figuresOf(
      object,
      object.functions.find(({ name }) => name === main)!,
    ),
    programs: plan.nodes.flatMap(({ program }) =>
      isTailCalled(program) ? [] : [{ program: program.name, ...figuresOf(program.object, program.main) }],
    ),
  };
}
