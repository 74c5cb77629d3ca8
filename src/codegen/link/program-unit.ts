/**
 * Programs as units of the linker: of each the functions that its entry reaches, its maps and its data sections. What the
 * linker does not do is refused here, by name.
 */
import { XdpgenError } from "../../errors.ts";
import type { Instruction } from "../asm/index.ts";
import { type CodeInstruction, type Reference, readCode } from "../object/code.ts";
import type { ObjectFunction } from "../object/open.ts";
import type { ResolvedObject } from "../object/program.ts";
import { isDispatchable } from "../object/signature.ts";
import { type Named, numberApart, tellApart } from "./names.ts";
import { dataKind, dataSections } from "./program-data.ts";
import { programExterns } from "./program-externs.ts";
import { type InitialValue, type ObjectMap, objectMaps, tailCalled } from "./program-maps.ts";
import type { Unit, UnitFunction, UnitMap } from "./unit.ts";
import { unsupported } from "./unsupported.ts";

export interface ProgramUnit extends Unit {
  /** Name of the program's own map or data section -> name in the linked object. */
  readonly mapNames: ReadonlyMap<string, string>;
  /** Of the program's own names, those of maps that its object fills with its functions: the loader does so at each load. */
  readonly filled: ReadonlySet<string>;
}

interface ReachedFunction {
  readonly function: ObjectFunction;
  readonly code: readonly CodeInstruction[];
  /** Entered by tail calls, not by calls. */
  readonly tailCalled: boolean;
}

/**
 * One unit for each program; the first function of a unit is the program's entry.
 *
 * @param taken names of functions and sections that the dispatcher uses
 * @throws XdpgenError `object-unsupported` for what only libbpf could do with an object of its own
 */
export function programUnits(programs: readonly ResolvedObject[], taken: ReadonlySet<string>): readonly ProgramUnit[] {
  const collected = programs.map((program) =>
    naming(program, () => {
      const maps = objectMaps(program);
      const functions = reachableFunctions(program, tailCalled(maps));
      const externs = programExterns(program, functions);
      return { program, functions, maps, externs, data: dataSections(program, functions) };
    }),
  );
  const kernelNames = new Set(collected.flatMap(({ externs }) => externs.map((e) => e.symbol)));
  const names = tellApart(
    collected.flatMap(({ program, functions, maps }) => [
      ...functions.map((f) => ({ program: program.name, name: f.function.name })),
      ...maps.map((m) => named(program, m)),
    ]),
    new Set([...taken, ...kernelNames]),
  );
  const sections = numberApart(
    collected.flatMap(({ data }) => data.map((d) => d.section)),
    taken,
  );
  let next = 0;
  let nextSection = 0;
  return collected.map(({ program, functions, maps, externs, data: unnamed }) => {
    const functionNames = new Map(functions.map((f) => [f.function, names[next++]!]));
    const mapSymbols = new Map(maps.map((m) => [m.offset, names[next++]!]));
    const data = unnamed.map((d) => ({ ...d, section: sections[nextSection++]! }));
    const symbolOf = (reference: Reference): string => {
      switch (reference.kind) {
        case "function":
          return functionNames.get(reference.function)!;
        case "map": {
          const name = mapSymbols.get(reference.offset);
          if (name !== undefined) return name;
          throw unsupported(program, `uses map ${reference.name || "(static)"} without a definition in its BTF`);
        }
        case "data":
          return data.find((d) => d.index === reference.section)!.section;
        case "extern":
          return reference.name;
      }
    };
    const symbolOfValue = (value: InitialValue["is"]): string =>
      (typeof value === "number" ? mapSymbols.get(value) : functionNames.get(value)) ?? missing(program, value);
    return {
      name: program.name,
      btf: program.object.btf,
      functions: functions.map((f, i) => unitFunction(program, f, functionNames.get(f.function)!, i === 0, symbolOf)),
      maps: maps.map(({ offset, type, size, shared, values }): UnitMap => ({
        symbol: mapSymbols.get(offset)!,
        type,
        size,
        shared,
        values: values.map(({ offset: at, is }) => ({ offset: at, symbol: symbolOfValue(is) })),
      })),
      data,
      externs,
      filled: new Set(maps.filter(({ values }) => values.some(({ is }) => typeof is !== "number")).map((m) => m.name)),
      mapNames: new Map([
        ...maps.map((m): [string, string] => [m.name, mapSymbols.get(m.offset)!]),
        ...data.map((d): [string, string] => [d.ownName, d.section]),
      ]),
    };
  });
}

/** A map that is one in several programs has one name, and so one definition. */
function named({ name: program, homes }: ResolvedObject, { name, shared }: ObjectMap): Named {
  if (shared) return { program, name, key: `pinned ${name}` };
  return { program: homes[name]?.program ?? program, name, key: `of ${homes[name]?.program ?? program} ${name}` };
}

function missing(program: ResolvedObject, value: InitialValue["is"]): never {
  const what = typeof value === "number" ? `map at byte ${value} of .maps` : value.name;
  throw unsupported(program, `fills a map with the ${what}, which its BTF does not define`);
}

/** Runs a step that reads the program's object, and lets what it refuses name the program. */
function naming<T>(program: ResolvedObject, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof XdpgenError) || error.message.startsWith(`${program.name}: `)) throw error;
    throw new XdpgenError(error.code, `${program.name}: ${program.path}: ${error.message}`, { cause: error });
  }
}

/**
 * Depth first from the entry, in the order of the calls; then in the same way from what tail calls enter.
 *
 * @throws XdpgenError `object-unsupported`: libbpf has programs and functions apart, and one function would be both
 */
function reachableFunctions(
  program: ResolvedObject,
  tailCalls: ReadonlySet<ObjectFunction>,
): readonly ReachedFunction[] {
  const { object } = program;
  const reached = new Map<ObjectFunction, ReachedFunction>();
  const enter = (f: ObjectFunction): void => {
    if (tailCalls.has(f)) throw unsupported(program, `puts ${f.name} into a map of programs and calls it too`);
    visit(f);
  };
  const visit = (f: ObjectFunction): void => {
    if (reached.has(f)) return;
    const code = readCode(object, f);
    reached.set(f, { function: f, code, tailCalled: tailCalls.has(f) });
    for (const { reference } of code) {
      if (reference?.kind === "function") enter(reference.function);
      if (reference?.kind !== "data") continue;
      const section = object.elf.sections[reference.section]!;
      if (!dataKind(section)) throw unsupported(program, `refers to section ${section.name}`);
      if (section.size === 0) throw unsupported(program, `refers to section ${section.name}, which is empty`);
    }
  };
  enter(program.main);
  for (const f of tailCalls) visit(f);
  return [...reached.values()];
}

function unitFunction(
  program: ResolvedObject,
  { function: f, code, tailCalled: isTailCalled }: ReachedFunction,
  symbol: string,
  isEntry: boolean,
  symbolOf: (reference: Reference) => string,
): UnitFunction {
  const { btf, ext, elf } = program.object;
  const section = elf.sections[f.section]!.name;
  const own = <T extends { readonly offset: number }>(records: readonly T[] | undefined): T[] =>
    (records ?? [])
      .filter((r) => r.offset >= f.offset && r.offset < f.offset + f.size)
      .map((r) => ({ ...r, offset: r.offset - f.offset }));
  const lines = own(ext.lineInfo.get(section));
  if (lines[0]?.offset !== 0) {
    lines.unshift({ offset: 0, file: program.path, text: `${f.name} of ${program.name}`, line: 1, column: 1 });
  }
  const type = btf.types[f.type - 1];
  // libbpf makes a hidden function static, and its verification depends on it.
  const hidden = f.symbol.visibility === "hidden" || f.symbol.visibility === "internal";
  const declared = isEntry ? isDispatchable(btf, f.type) : type?.kind === "func" && type.linkage === "global";
  const global = declared && !hidden;
  return {
    symbol,
    linkage: global ? "global" : "static",
    code: code.map(({ instruction, reference }): Instruction => {
      if (!reference) return instruction;
      return { symbol: symbolOf(reference), ...instruction, imm: addend(reference, instruction) };
    }),
    type: f.type,
    lines,
    coreRelocations: own(ext.coreRelocations.get(section)),
    ...(isTailCalled && { tailCalled: true }),
  };
}

/** The immediate that goes with a relocation against the reference's own symbol. */
function addend(reference: Reference, instruction: Instruction): number {
  if (reference.kind === "data") return reference.offset;
  const isCall = instruction.immHigh === undefined;
  return isCall ? -1 : 0;
}
