/**
 * Where everything is: gives each fragment its byte offset, and each name its value. Sizes may depend on distances and
 * distances on sizes (`.uleb128 .Lb-.La`, jumps that are too far), so sections are laid out until nothing moves.
 */
import type { Span } from "../../diagnostic.ts";
import { slots } from "../asm/index.ts";
import { inReach, longForm } from "../asm/long-jumps.ts";
import { distanceField } from "../asm/opcodes.ts";
import { SHT_NOBITS } from "../elf/index.ts";
import type { Assembly, Fragment, Section } from "./assembly.ts";
import { MAX_FILL, MAX_RESERVED } from "./directive.ts";
import {
  type Expression,
  type Lookup,
  type Place,
  Problem,
  type Value,
  absolute,
  evaluate,
  locate,
} from "./expression.ts";
import { called } from "./words.ts";

export interface Placed {
  readonly lookup: Lookup;
  /** Jumps that are written with `gotol`. */
  readonly far: ReadonlySet<Fragment>;
  /** Where distances lead that are numbers, once code between may have moved. */
  readonly counted: ReadonlyMap<Fragment, Place>;
}

type InstructionFragment = Fragment & { readonly kind: "instruction" };

/** Names may be set to names, each one level of recursion. */
const MAX_SETS = 500;
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
  const known = new Map<string, Value>();
  const lookup = lookupIn(assembly, known);
  const far = new Set<Fragment>();
  const counted = new Map<Fragment, Place>();
  const grown = new Map<Fragment, number>();
  const problems = new Map<Fragment, Problem>();
  for (let round = 0, moved = true; (moved || round === 1) && round < MAX_ROUNDS; round++) {
    moved = false;
    known.clear();
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
  for (const [fragment, problem] of problems) if ("span" in fragment) report(problem, fragment.span);
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

/** DWARF's numbers of any length, seven bits a byte; negative numbers only where `signed`. */
export function leb128(value: bigint, signed: boolean, length = 0): number[] {
  let rest = signed ? value : BigInt.asUintN(64, value);
  const bytes: number[] = [];
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const whole = signed ? rest === (low & 0x40 ? -1n : 0n) : rest === 0n;
    const last = whole && bytes.length + 1 >= length;
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
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

/**
 * What names mean: a label its place, a name of `.set` what it was set to, the name of a section its beginning. A name
 * that stands for nothing here is an address without a place.
 *
 * @param known values of `.set`, kept while nothing moves, since names set to sums of names would take for ever
 */
function lookupIn(assembly: Assembly, known: Map<string, Value>): Lookup {
  const open = new Set<string>();
  const setValue = (name: string, expression: Expression, span: Span): Value => {
    if (open.has(name))
      throw new Problem("syntax", `${called(name)} is set to what depends on ${called(name)}`, { span });
    if (open.size >= MAX_SETS)
      throw new Problem("syntax", `${called(name)} is set through more than ${MAX_SETS} names`, { span });
    open.add(name);
    try {
      const value = evaluate(expression, lookup);
      const at = value.base?.at;
      if (!at) return value;
      const offset = at.offset + Number(value.constant);
      return { constant: 0n, base: { kind: "symbol", name, at: { section: at.section, offset }, span } };
    } finally {
      open.delete(name);
    }
  };
  const lookup: Lookup = (name, span): Value => {
    const symbol = assembly.symbols.get(name);
    if (symbol?.place) return { constant: 0n, base: { kind: "symbol", name, at: locate(symbol.place), span } };
    if (symbol?.value) {
      const value = known.get(name) ?? setValue(name, symbol.value, span);
      known.set(name, value);
      return value;
    }
    // A name that was declared is a symbol of its own, whatever the sections are called.
    const declared = symbol?.common !== undefined || symbol?.binding !== undefined;
    const section = declared ? undefined : assembly.sectionsByName.get(name);
    if (section) return { constant: 0n, base: { kind: "section", name, at: { section, offset: 0 }, span } };
    return { constant: 0n, base: { kind: "symbol", name, span } };
  };
  return lookup;
}
