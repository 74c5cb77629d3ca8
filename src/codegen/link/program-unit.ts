/**
 * Programs as units of the linker: of each the functions that its entry reaches, its maps and its data sections. What the
 * linker does not do is refused here, by name.
 */
import { XdpgenError } from "../../errors.ts";
import type { Instruction } from "../asm/index.ts";
import type { TypeId } from "../btf/types.ts";
import { SHF_ALLOC, SHF_EXECINSTR } from "../elf/index.ts";
import type { ElfSection } from "../elf/object.ts";
import { type CodeInstruction, type Reference, readCode } from "../object/code.ts";
import type { ObjectFunction } from "../object/open.ts";
import type { ResolvedProgram } from "../object/program.ts";
import { isDispatchable, resolveType } from "../object/signature.ts";
import { identifier, numberApart, tellApart } from "./names.ts";
import type { Unit, UnitData, UnitFunction, UnitMap } from "./unit.ts";

export interface ProgramUnit extends Unit {
  /** Name of the program's own map or data section -> name in the linked object. */
  readonly mapNames: ReadonlyMap<string, string>;
}

interface ReachedFunction {
  readonly function: ObjectFunction;
  readonly code: readonly CodeInstruction[];
}

interface ObjectMap {
  readonly name: string;
  readonly size: number;
  readonly type: TypeId;
  readonly shared: boolean;
}

/**
 * One unit for each program; the first function of a unit is the program's entry.
 *
 * @param taken names of functions and sections that the dispatcher uses
 * @throws XdpgenError `object-unsupported` for what only libbpf could do with an object of its own
 */
export function programUnits(programs: readonly ResolvedProgram[], taken: ReadonlySet<string>): readonly ProgramUnit[] {
  const collected = programs.map((program) =>
    naming(program, () => {
      const functions = reachableFunctions(program);
      return { program, functions, maps: objectMaps(program), data: dataSections(program, functions) };
    }),
  );
  const names = tellApart(
    collected.flatMap(({ program, functions, maps }) => [
      ...functions.map((f) => ({ program: program.name, name: f.function.name })),
      ...maps.map((m) => ({ program: program.name, name: m.name, ...(m.shared ? { key: `pinned ${m.name}` } : {}) })),
    ]),
    taken,
  );
  const sections = numberApart(
    collected.flatMap(({ data }) => data.map((d) => d.section)),
    taken,
  );
  let next = 0;
  let nextSection = 0;
  return collected.map(({ program, functions, maps, data: unnamed }) => {
    const functionNames = new Map(functions.map((f) => [f.function, names[next++]!]));
    const mapNames = new Map(maps.map((m) => [m.name, names[next++]!]));
    const data = unnamed.map((d) => ({ ...d, section: sections[nextSection++]! }));
    const symbolOf = (reference: Reference): string => {
      switch (reference.kind) {
        case "function":
          return functionNames.get(reference.function)!;
        case "map": {
          const name = mapNames.get(reference.name);
          if (name !== undefined) return name;
          throw unsupported(program, `uses map ${reference.name || "(static)"} without a global definition in its BTF`);
        }
        case "data":
          return data.find((d) => d.index === reference.section)!.section;
        case "extern":
          throw unsupported(program, `uses the external symbol ${reference.name} (kconfig, ksym or kfunc)`);
      }
    };
    return {
      name: program.name,
      btf: program.object.btf,
      functions: functions.map((f, i) => unitFunction(program, f, functionNames.get(f.function)!, i === 0, symbolOf)),
      maps: maps.map((m): UnitMap => ({ symbol: mapNames.get(m.name)!, ...m })),
      data,
      mapNames: new Map([...mapNames, ...data.map((d): [string, string] => [d.ownName, d.section])]),
    };
  });
}

/** Runs a step that reads the program's object, and lets what it refuses name the program. */
function naming<T>(program: ResolvedProgram, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof XdpgenError) || error.message.startsWith(`${program.name}: `)) throw error;
    throw new XdpgenError(error.code, `${program.name}: ${program.path}: ${error.message}`, { cause: error });
  }
}

function unsupported(program: ResolvedProgram, what: string): XdpgenError {
  return new XdpgenError(
    "object-unsupported",
    `${program.name}: ${program.path} ${what}, which linkage \`call\` does not link; ` +
      "use `linkage: freplace` for it, where the kernel takes extension programs (`xdpgen doctor`)",
  );
}

/** Depth first from the entry, in the order of the calls. */
function reachableFunctions(program: ResolvedProgram): readonly ReachedFunction[] {
  const { object } = program;
  const reached = new Map<ObjectFunction, ReachedFunction>();
  const visit = (f: ObjectFunction): void => {
    if (reached.has(f)) return;
    const code = readCode(object, f);
    reached.set(f, { function: f, code });
    for (const { reference } of code) {
      if (reference?.kind === "function") visit(reference.function);
      if (reference?.kind !== "data") continue;
      const section = object.elf.sections[reference.section]!;
      if (!dataKind(section)) throw unsupported(program, `refers to section ${section.name}`);
      if (section.size === 0) throw unsupported(program, `refers to section ${section.name}, which is empty`);
    }
  };
  visit(program.main);
  return [...reached.values()];
}

function unitFunction(
  program: ResolvedProgram,
  { function: f, code }: ReachedFunction,
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
  };
}

/** The immediate that goes with a relocation against the reference's own symbol. */
function addend(reference: Reference, instruction: Instruction): number {
  if (reference.kind === "data") return reference.offset;
  const isCall = instruction.immHigh === undefined;
  return isCall ? -1 : 0;
}

function dataKind({ name, flags }: ElfSection): string | undefined {
  const allocated = (flags & SHF_ALLOC) !== 0 && (flags & SHF_EXECINSTR) === 0;
  return allocated ? /^\.(rodata|data|bss)(?:\.|$)/.exec(name)?.[1] : undefined;
}

interface ProgramData extends UnitData {
  /** Index in the object's sections. */
  readonly index: number;
  /** Name in the program's own object. */
  readonly ownName: string;
}

/**
 * `.rodata` of program `acl` becomes `.rodata.acl`, and `.rodata.str1.1` becomes `.rodata.acl.str1.1`. Its `.bss` becomes
 * `.data.acl.bss`, filled with zeros: loaders older than libbpf 1.1 know one `.bss` only.
 */
function dataSections(program: ResolvedProgram, functions: readonly ReachedFunction[]): readonly ProgramData[] {
  const { elf, btf } = program.object;
  const used = new Set(
    functions.flatMap((f) => f.code.map(({ reference: r }) => (r?.kind === "data" ? r.section : undefined))),
  );
  return elf.sections.flatMap((section, index) => {
    const kind = dataKind(section);
    if (!kind || section.size === 0) return [];
    if (section.relocations.length > 0) {
      if (!used.has(index)) return [];
      throw unsupported(program, `has addresses in its initialised data (section ${section.name})`);
    }
    const types = btf.types.find((t) => t.kind === "datasec" && t.name === section.name);
    const offsets = new Map(
      elf.symbols.filter((s) => s.type === "object" && s.section === index).map((s) => [s.name, s.value]),
    );
    const variables = (types?.kind === "datasec" ? types.vars : []).map((v) => {
      const type = btf.types[v.type - 1];
      return { ...v, offset: (type?.kind === "var" ? offsets.get(type.name) : undefined) ?? v.offset };
    });
    const own = identifier(program.name);
    const name =
      kind === "bss" ? `.data.${own}${section.name}` : `.${kind}.${own}${section.name.slice(kind.length + 1)}`;
    return [
      {
        index,
        ownName: section.name,
        section: name,
        kind: kind === "rodata" ? ("rodata" as const) : ("data" as const),
        bytes: kind === "bss" ? new Uint8Array(section.size) : section.data,
        align: section.align,
        variables,
      },
    ];
  });
}

function objectMaps(program: ResolvedProgram): readonly ObjectMap[] {
  const { elf, btf } = program.object;
  if (elf.sections.some((s) => s.name === "maps" && s.size > 0)) {
    throw unsupported(program, "declares maps in the old section `maps`, which libbpf 1.0 gave up");
  }
  const index = elf.sections.findIndex((s) => s.name === ".maps");
  if (index < 0) return [];
  if (elf.sections[index]!.relocations.length > 0) {
    throw unsupported(program, "fills a map of maps or of programs where it declares it");
  }
  const declared = btf.types.find((t) => t.kind === "datasec" && t.name === ".maps");
  return (declared?.kind === "datasec" ? declared.vars : []).flatMap(({ type }) => {
    const variable = btf.types[type - 1];
    if (variable?.kind !== "var") return [];
    const symbol = elf.symbols.find((s) => s.name === variable.name && s.section === index);
    if (!symbol) return [];
    const struct = resolveType(btf, variable.type);
    const pinning = struct?.kind === "struct" ? struct.members.find((m) => m.name === "pinning") : undefined;
    const pointer = pinning && resolveType(btf, pinning.type);
    const array = pointer?.kind === "ptr" ? resolveType(btf, pointer.type) : undefined;
    const shared = array?.kind === "array" && array.length === 1;
    return [{ name: variable.name, size: symbol.size, type, shared }];
  });
}
