/** The data sections of a program's object, under the names that they have beside those of other programs. */
import { SHF_ALLOC, SHF_EXECINSTR } from "../elf/index.ts";
import type { ElfRelocation, ElfSection } from "../elf/object.ts";
import type { CodeInstruction } from "../object/code.ts";
import type { ResolvedObject } from "../object/program.ts";
import { variablesOf } from "../object/variables.ts";
import { identifier } from "./names.ts";
import type { UnitData } from "./unit.ts";
import { unsupported } from "./unsupported.ts";

/** Of a section that libbpf makes a map of. */
export function dataKind({ name, flags }: ElfSection): string | undefined {
  const allocated = (flags & SHF_ALLOC) !== 0 && (flags & SHF_EXECINSTR) === 0;
  return allocated ? /^\.(rodata|data|bss)(?:\.|$)/.exec(name)?.[1] : undefined;
}

export interface ProgramData extends UnitData {
  /** Index in the object's sections. */
  readonly index: number;
  /** Name in the program's own object. */
  readonly ownName: string;
}

type Functions = readonly { readonly code: readonly CodeInstruction[] }[];

/**
 * `.rodata` of program `acl` becomes `.rodata.acl`, and `.rodata.str1.1` becomes `.rodata.acl.str1.1`. Its `.bss` becomes
 * `.data.acl.bss`, filled with zeros: loaders older than libbpf 1.1 know one `.bss` only.
 *
 * @throws XdpgenError `object-unsupported` where the code reads a variable that holds an address: no loader fills it in
 */
export function dataSections(program: ResolvedObject, functions: Functions): readonly ProgramData[] {
  return program.object.elf.sections.flatMap((section, index) => {
    const kind = dataKind(section);
    if (!kind || section.size === 0) return [];
    refuseAddresses(program, index, functions);
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
        variables: variablesOf(program.object, index).map(({ type, offset, size }) => ({ type, offset, size })),
      },
    ];
  });
}

/** Addresses in variables that no code reads do no harm. */
function refuseAddresses(program: ResolvedObject, index: number, functions: Functions): void {
  const { elf } = program.object;
  const { name, relocations } = elf.sections[index]!;
  if (relocations.length === 0) return;
  const variables = elf.symbols.filter((s) => s.type === "object" && s.section === index && s.size > 0);
  for (const { reference } of functions.flatMap(({ code }) => code)) {
    if (reference?.kind !== "data" || reference.section !== index) continue;
    const { offset } = reference;
    const variable = variables.find(({ value, size }) => offset >= value && offset < value + size);
    const held = relocations.find(
      (r) => !variable || (r.offset >= variable.value && r.offset < variable.value + variable.size),
    );
    if (!held) continue;
    const what = variable ? `variable ${variable.name} of section ${name}` : `section ${name}`;
    throw unsupported(program, `reads ${what}, which holds the address of ${targetOf(program, held)}`);
  }
}

function targetOf({ object: { elf } }: ResolvedObject, { symbol: index }: ElfRelocation): string {
  const symbol = elf.symbols[index]!;
  const section = typeof symbol.section === "number" ? elf.sections[symbol.section]!.name : symbol.section;
  return symbol.type === "section" || symbol.name === "" ? `something in section ${section}` : symbol.name;
}
