/** The maps that a program's object declares, and what they hold from the start. */
import type { TypeId } from "../btf/types.ts";
import { SHF_EXECINSTR } from "../elf/index.ts";
import { functionStartingAt } from "../object/code.ts";
import type { ObjectFunction } from "../object/open.ts";
import type { ResolvedObject } from "../object/program.ts";
import { resolveType } from "../object/signature.ts";
import { variablesOf } from "../object/variables.ts";
import { numberApart } from "./names.ts";
import { MAPS } from "./place.ts";
import { unsupported } from "./unsupported.ts";

export interface ObjectMap {
  readonly name: string;
  /** Bytes from the start of `.maps`. */
  readonly offset: number;
  readonly size: number;
  /** Its VAR type. */
  readonly type: TypeId;
  /** The type of that: a struct whose members are the definition. */
  readonly of: TypeId;
  /** Pinned by name (`LIBBPF_PIN_BY_NAME`). */
  readonly shared: boolean;
  readonly values: readonly InitialValue[];
}

/** An entry that a map of maps or of programs has from the start. */
export interface InitialValue {
  /** Bytes from the start of the definition that holds it. */
  readonly offset: number;
  /** A map, by its offset in `.maps`, or a function. */
  readonly is: number | ObjectFunction;
}

/** @throws XdpgenError `object-unsupported` */
export function objectMaps(program: ResolvedObject): readonly ObjectMap[] {
  const { object } = program;
  const { elf, btf } = object;
  if (elf.sections.some((s) => s.name === "maps" && s.size > 0)) {
    throw unsupported(program, "declares maps in the old section `maps`, which libbpf 1.0 gave up");
  }
  const index = elf.sections.findIndex((s) => s.name === MAPS);
  if (index < 0) return [];
  const values = initialValues(program, index);
  const variables = variablesOf(object, index);
  // Static maps of several files may have one name, where their objects were joined.
  const names = numberApart(
    variables.map(({ name }) => name),
    new Set(),
  );
  return variables.map(({ type, of, offset, size }, i) => {
    const name = names[i]!;
    const struct = resolveType(btf, of);
    const pinning = struct?.kind === "struct" ? struct.members.find((m) => m.name === "pinning") : undefined;
    const pointer = pinning && resolveType(btf, pinning.type);
    const array = pointer?.kind === "ptr" ? resolveType(btf, pointer.type) : undefined;
    const shared = array?.kind === "array" && array.length === 1;
    const own = values.filter((value) => value.offset >= offset && value.offset < offset + size);
    return { name, offset, size, type, of, shared, values: own.map((v) => ({ ...v, offset: v.offset - offset })) };
  });
}

/** @param section index of `.maps`; offsets in the result are from its start */
function initialValues(program: ResolvedObject, section: number): readonly InitialValue[] {
  const { object } = program;
  const { data, relocations } = object.elf.sections[section]!;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return relocations.map(({ offset, symbol: index }): InitialValue => {
    const symbol = object.elf.symbols[index]!;
    // Only where the relocation speaks of the section, as of a static map, does the place of the address say more.
    const at = symbol.value + (symbol.type === "section" ? view.getUint32(offset, true) : 0);
    if (symbol.section === section) return { offset, is: at };
    const target = typeof symbol.section === "number" ? object.elf.sections[symbol.section] : undefined;
    const isCode = target !== undefined && (target.flags & SHF_EXECINSTR) !== 0;
    const found = isCode ? functionStartingAt(object, symbol.section as number, at) : undefined;
    if (found) return { offset, is: found };
    throw unsupported(
      program,
      `fills a map with ${symbol.name || target?.name}, which is neither a map nor a function`,
    );
  });
}

/** The functions that maps of programs name: tail calls enter them. */
export function tailCalled(maps: readonly ObjectMap[]): ReadonlySet<ObjectFunction> {
  return new Set(maps.flatMap(({ values }) => values.flatMap(({ is }) => (typeof is === "number" ? [] : [is]))));
}

/** Names of those functions: programs of their own, without which the maps cannot be filled. */
export function programsInMaps(program: ResolvedObject): readonly string[] {
  return [...tailCalled(objectMaps(program))].map(({ name }) => name);
}
