/**
 * Where everything is: gives each fragment its byte offset, by which names get their values. Sizes may depend on distances and
 * distances on sizes (`.uleb128 .Lb-.La`, jumps that are too far), so sections are laid out until nothing moves.
 */
import type { Span } from "../../diagnostic.ts";
import { slots } from "../asm/index.ts";
import { inReach, longForm } from "../asm/long-jumps.ts";
import { distanceField } from "../asm/opcodes.ts";
import { SHT_NOBITS } from "../elf/index.ts";
import type { Assembly, Fragment, Section } from "./assembly.ts";
import { MAX_FILL, MAX_RESERVED } from "./directive.ts";
import { type Lookup, type Place, Problem, absolute, evaluate, locate } from "./expression.ts";
import { leb128 } from "./leb128.ts";
import { nameLookup } from "./lookup.ts";

export interface Placed {
  readonly lookup: Lookup;
  /** Jumps that are written with `gotol`. */
  readonly far: ReadonlySet<Fragment>;
  /** Where distances lead that are numbers, once code between may have moved. */
  readonly counted: ReadonlyMap<Fragment, Place>;
}

type InstructionFragment = Fragment & { readonly kind: "instruction" };

/** Sizes never shrink, so there is an end; this many rounds are a text that makes fun of it. */
const MAX_ROUNDS = 1000;

/**
 * Sets `offsets` of every section.
 * @param report gets what has no size
 * @param longJumps writes jumps that are too far with `gotol`
 */
export function placeAll(
  assembly: Assembly,
  longJumps: boolean,
  report: (problem: Problem, span: Span) => void,
): Placed {
  const { lookup, forget } = nameLookup(assembly);
  const far = new Set<Fragment>();
  const counted = new Map<Fragment, Place>();
  const grown = new Map<Fragment, number>();
  const problems = new Map<Fragment, Problem>();
  for (let round = 0, moved = true; (moved || round === 1) && round < MAX_ROUNDS; round++) {
    moved = false;
    forget();
    for (const section of assembly.sections) {
      const offsets = [0];
      let offset = 0;
      for (const [index, fragment] of section.fragments.entries()) {
        const jumps = longJumps && round > 0 && fragment.kind === "instruction";
        if (jumps && tooFar(section, index, fragment, { lookup, far, counted })) far.add(fragment);
        const limit = section.type === SHT_NOBITS ? MAX_RESERVED : MAX_FILL;
        offset += sizeOf(fragment, offset, { lookup, far, grown, problems, limit });
        offsets.push(offset);
      }
      moved ||= offsets.some((value, index) => value !== section.offsets[index]);
      section.offsets = offsets;
    }
    if (longJumps && round === 0) for (const section of assembly.sections) countedPlaces(section, counted);
  }
  for (const [fragment, problem] of problems) report(problem, fragment.span);
  return { lookup, far, counted };
}

interface Sizes {
  readonly lookup: Lookup;
  readonly far: ReadonlySet<Fragment>;
  readonly grown: Map<Fragment, number>;
  readonly problems: Map<Fragment, Problem>;
  /** The most bytes of a `.zero` or `.fill`. */
  readonly limit: bigint;
}

function sizeOf(fragment: Fragment, offset: number, { lookup, far, grown, problems, limit }: Sizes): number {
  switch (fragment.kind) {
    case "instruction":
      return (far.has(fragment) ? longForm(fragment.instruction).length : slots(fragment.instruction)) * 8;
    case "data":
      return fragment.bytes.length;
    case "value":
      return fragment.width;
    case "align":
      return padding(fragment, offset);
    case "leb128":
    case "fill": {
      problems.delete(fragment);
      let size = fragment.kind === "fill" ? 0 : 1;
      try {
        const value = absolute(evaluate(fragment.kind === "fill" ? fragment.count : fragment.value, lookup));
        size =
          fragment.kind === "fill" ? filled(value, fragment.pattern, limit) : leb128(value, fragment.signed).length;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        problems.set(fragment, error);
      }
      size = Math.max(size, grown.get(fragment) ?? 0);
      grown.set(fragment, size);
      return size;
    }
  }
}

function filled(count: bigint, pattern: Uint8Array, limit: bigint): number {
  if (count < 0n || count * BigInt(pattern.length) > limit) {
    throw new Problem("out-of-range", `${count} times ${pattern.length} bytes are not 0 to ${limit} bytes`);
  }
  return Number(count) * pattern.length;
}

function padding({ align, max }: Fragment & { kind: "align" }, offset: number): number {
  const bytes = (align - (offset % align)) % align;
  return bytes > max ? 0 : bytes;
}

/** Whether 16 bits are too few for the distance of a jump. */
function tooFar(from: Section, index: number, fragment: InstructionFragment, { lookup, counted }: Placed): boolean {
  const { instruction } = fragment;
  if (distanceField(instruction) !== "off") return false;
  const at = destination(fragment, lookup, counted);
  return at?.section === from && !inReach((at.offset - from.offsets[index]!) / 8 - 1);
}

function destination(
  fragment: InstructionFragment,
  lookup: Lookup,
  counted: Placed["counted"],
): { readonly section: Section; readonly offset: number } | undefined {
  const { target } = fragment.instruction;
  const place = counted.get(fragment);
  if (place) return locate(place);
  try {
    return target === undefined ? undefined : lookup(target, fragment.span).base?.at;
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

/** What distances lead to that are given as numbers: code between may grow, and they are counted anew. */
function countedPlaces(section: Section, counted: Map<Fragment, Place>): void {
  const starts = new Map(section.offsets.map((offset, index) => [offset, index]));
  for (const [index, fragment] of section.fragments.entries()) {
    if (fragment.kind !== "instruction") continue;
    const { instruction } = fragment;
    const field = distanceField(instruction);
    if (field === undefined || instruction.target !== undefined || instruction.symbol !== undefined) continue;
    const to = starts.get(section.offsets[index]! + 8 + instruction[field] * 8);
    if (to !== undefined) counted.set(fragment, { section, fragment: to });
  }
}
