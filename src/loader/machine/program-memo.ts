/**
 * What was read of a program and does not change as long as it is loaded: asked once in a process. A program is told from every other
 * until the machine starts anew by its id, which may be given again, and by when it was loaded.
 */
import type { Kernel, ProgramInfo } from "./kernel.ts";

/** A process that swaps all day reads only what runs and what is kept. */
const MOST = 256;

export interface ProgramMemo<T> {
  get(kernel: Kernel, program: Pick<ProgramInfo, "id" | "loadTime">): T | undefined;
  set(kernel: Kernel, program: Pick<ProgramInfo, "id" | "loadTime">, value: T): void;
}

export function programMemo<T>(): ProgramMemo<T> {
  const known = new WeakMap<Kernel, Map<string, T>>();
  const keyOf = ({ id, loadTime }: Pick<ProgramInfo, "id" | "loadTime">): string => `${id} ${loadTime}`;
  return {
    get: (kernel, program) => known.get(kernel)?.get(keyOf(program)),
    set(kernel, program, value) {
      const ofKernel = known.get(kernel) ?? new Map<string, T>();
      known.set(kernel, ofKernel);
      // What was asked last goes last.
      ofKernel.delete(keyOf(program));
      ofKernel.set(keyOf(program), value);
      if (ofKernel.size > MOST) ofKernel.delete(ofKernel.keys().next().value!);
    },
  };
}
