/**
 * A loaded program that takes the place of another one in its slot, while the dispatcher runs on: one entry of a map changes,
 * and each packet meets the old program or the new one. Which program is in a slot, the slot's map alone says.
 */
import { BPF_MAP_TYPE_PROG_ARRAY } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import type { Identity } from "../live/manifest.ts";
import { onlyIf, openIfPinned } from "../live/pins.ts";
import { slotPin } from "../live/store.ts";
import type { LoadedPrograms } from "../load/loaded.ts";
import { fillProgramArray, programInArray } from "../load/program-array.ts";
import { publicPath } from "../machine/bpffs.ts";
import type { Fd, Kernel } from "../machine/kernel.ts";
import type { Owned } from "../machine/owned.ts";
import type { Change } from "./difference.ts";

/** The id of the program in a slot of linkage `tail`; undefined where the slot is empty or its pin is gone. */
export function programInSlot(kernel: Kernel, dir: string, generation: number, name: string): number | undefined {
  using array = openSlot(kernel, slotPin(dir, generation, name));
  return array && programInArray(kernel, array.number);
}

/** A map of another kind has other sizes: it is not asked. */
function openSlot(kernel: Kernel, pin: string): Fd | undefined {
  const found = openIfPinned(kernel, pin, "map");
  return found && onlyIf(found, (fd) => kernel.mapInfo(fd).type === BPF_MAP_TYPE_PROG_ARRAY);
}

function noSlot(program: string, pin: string): XdpgenError {
  return new XdpgenError(
    "map-pin",
    `${program}: at the pin of its slot, ${publicPath(pin)}, is no map of programs: remove what is there, and apply again`,
  );
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
  const pin = slotPin(dir, generation, name);
  const slot = openSlot(kernel, pin);
  if (!slot) throw noSlot(name, pin);
  const array = resources.own(slot).number;
  const id = programInArray(kernel, array);
  const old = id === undefined ? undefined : resources.own(kernel.programById(id));
  fillProgramArray(kernel, array, fd, `program ${name}: program ${info.id} (${info.name})`);
  return () => {
    if (!old) return `the slot of program ${name} was empty, and has program ${info.id} now`;
    fillProgramArray(kernel, array, old.number, `program ${name}: program ${id}`);
    return undefined;
  };
}
