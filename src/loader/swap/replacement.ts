/**
 * A loaded program that takes the place of another one in its slot, while the dispatcher runs on: one entry of a map changes,
 * and each packet meets the old program or the new one. Which program is in a slot, the slot's map alone says.
 */
import type { Identity } from "../live/manifest.ts";
import { slotPin } from "../live/store.ts";
import type { LoadedPrograms } from "../load/loaded.ts";
import type { Owned } from "../load/owned.ts";
import { fillProgramArray, programInArray } from "../load/program-array.ts";
import { isErrno, type Kernel } from "../machine/kernel.ts";
import type { Change } from "./difference.ts";

/** The id of the program in a slot of linkage `tail`; undefined where the slot is empty or its pin is gone. */
export function programInSlot(kernel: Kernel, dir: string, generation: number, name: string): number | undefined {
  try {
    using array = kernel.openPin(slotPin(dir, generation, name));
    return programInArray(kernel, array.number);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Slots of what runs that hold another program than the chain says now, by the program's name; ids, 0 for none. */
export function replacedPrograms(
  kernel: Kernel,
  dir: string,
  { manifest, generation }: Identity,
  loaded: LoadedPrograms,
): ReadonlyMap<string, Change<number>> {
  return new Map(
    manifest.programs.flatMap(({ name, linkage }) => {
      const wanted = loaded.programs.get(name);
      if (linkage !== "tail" || !wanted) return [];
      const from = programInSlot(kernel, dir, generation, name) ?? 0;
      const to = wanted.info.id;
      return from === to ? [] : [[name, { from, to }] as const];
    }),
  );
}

/**
 * Puts the chain's program into its slot. What it returns puts the one back that was in it, and says in a clause where there
 * was none.
 */
export function replaceProgram(
  kernel: Kernel,
  dir: string,
  generation: number,
  loaded: LoadedPrograms,
  name: string,
  resources: Owned,
): () => string | undefined {
  const { fd, info } = loaded.programs.get(name)!;
  const array = resources.own(kernel.openPin(slotPin(dir, generation, name))).number;
  const id = programInArray(kernel, array);
  const old = id === undefined ? undefined : resources.own(kernel.programById(id));
  fillProgramArray(kernel, array, fd, `program ${name}: program ${info.id} (${info.name})`);
  return () => {
    if (!old) return `the slot of program ${name} was empty, and has program ${info.id} now`;
    fillProgramArray(kernel, array, old.number, `program ${name}: program ${id}`);
    return undefined;
  };
}
