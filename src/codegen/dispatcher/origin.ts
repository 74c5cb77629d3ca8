/**
 * Whose code an instruction of a loaded dispatcher is. In: an image and the number of an instruction, as the verifier counts
 * them. Out: the program of the chain, the function and the line of its source.
 *
 * The kernel knows one program: its main function first, and behind it every function where libbpf meets it first, which is
 * depth first in the order of the references (libbpf.c, bpf_object__reloc_code).
 */
import type { LineInfo } from "../btf/types.ts";
import { readCode } from "../object/code.ts";
import { type ObjectFunction, openObject, type XdpObject } from "../object/open.ts";
import type { DispatcherImage } from "./image.ts";
import { sourceOfChain } from "./unit.ts";

export interface Origin {
  /** The program's name in the chain; undefined for code that is the dispatcher's own. */
  readonly program: string | undefined;
  /** The function, by its name in the linked object. */
  readonly function: string;
  /** Undefined where no line of the program's source is known. */
  readonly line: LineInfo | undefined;
}

interface PlacedFunction {
  readonly function: ObjectFunction;
  /** Slots from the start of the loaded program. */
  readonly start: number;
  /** Whose all of it is; undefined for the main function, which has parts of several. */
  readonly program: string | undefined;
}

/** Undefined for a number that the dispatcher does not reach to. */
export function originOf(image: DispatcherImage, instruction: number): Origin | undefined {
  const object = openObject(image.elf);
  const placed = placedFunctions(image, object).findLast(({ start }) => start <= instruction);
  if (!placed) return undefined;
  const { function: f, start, program } = placed;
  const offset = 8 * (instruction - start);
  if (offset >= f.size) return undefined;
  const lines = linesUpTo(object, f, offset);
  const last = lines.at(-1);
  const own = last !== undefined && last.file !== sourceOfChain(image.plan.chain);
  return { program: program ?? slotAt(image, object, f, offset), function: f.name, line: own ? last : undefined };
}

function placedFunctions(image: DispatcherImage, object: XdpObject): readonly PlacedFunction[] {
  const placed = new Map<ObjectFunction, PlacedFunction>();
  let end = 0;
  const visit = (f: ObjectFunction, program: string | undefined): void => {
    placed.set(f, { function: f, start: end, program });
    end += f.size / 8;
    for (const { reference, offset } of readCode(object, f)) {
      if (reference?.kind !== "function" || placed.has(reference.function)) continue;
      visit(reference.function, program ?? slotAt(image, object, f, offset));
    }
  };
  visit(
    object.functions.find((f) => f.name === image.main)!,
    undefined,
  );
  return [...placed.values()];
}

/** The program in whose part of the main function an instruction stands: a record of the dispatcher names it at its start. */
function slotAt(image: DispatcherImage, object: XdpObject, f: ObjectFunction, offset: number): string | undefined {
  const [only, ...others] = image.plan.nodes;
  if (image.slots[0]!.symbol === image.main && others.length === 0) return only!.program.name;
  const chain = sourceOfChain(image.plan.chain);
  const named = linesUpTo(object, f, offset).findLast(({ file }) => file === chain);
  return image.plan.nodes.find(({ program }) => named?.text.startsWith(`${program.name}: `))?.program.name;
}

/** The records of a function's lines up to an offset from its start, in order. */
function linesUpTo(object: XdpObject, f: ObjectFunction, offset: number): readonly LineInfo[] {
  const all = object.ext.lineInfo.get(object.elf.sections[f.section]!.name) ?? [];
  return all.filter((line) => line.offset >= f.offset && line.offset <= f.offset + offset);
}
