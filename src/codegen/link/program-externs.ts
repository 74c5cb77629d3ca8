/**
 * What a program wants of the kernel that loads it: configuration (`.kconfig`), variables and functions (`.ksyms`). The
 * linker takes the wish over as it is, and libbpf grants it when it loads the linked object.
 */
import { XdpgenError } from "../../errors.ts";
import type { TypeId } from "../btf/types.ts";
import type { CodeInstruction } from "../object/code.ts";
import type { ResolvedObject } from "../object/program.ts";
import type { UnitExtern } from "./unit.ts";
import { unsupported } from "./unsupported.ts";

/** Kernel functions that end the whole program, and with it the chain, whatever the edges say. */
const LEAVES_FOR_GOOD: ReadonlySet<string> = new Set(["bpf_throw"]);

/** @throws XdpgenError `object-unsupported` for a symbol that no kernel has either */
export function programExterns(
  program: ResolvedObject,
  functions: readonly { readonly code: readonly CodeInstruction[] }[],
): readonly UnitExtern[] {
  const names = new Set(
    functions.flatMap(({ code }) => code.flatMap(({ reference: r }) => (r?.kind === "extern" ? [r.name] : []))),
  );
  return [...names].map((name) => programExtern(program, name));
}

function programExtern(program: ResolvedObject, name: string): UnitExtern {
  const { btf, elf } = program.object;
  if (LEAVES_FOR_GOOD.has(name)) throw unsupported(program, `calls ${name}, which would leave the dispatcher for good`);
  const weak = elf.symbols.some((s) => s.section === "undefined" && s.name === name && s.binding === "weak");
  for (const section of btf.types) {
    if (section.kind !== "datasec" || (section.name !== ".kconfig" && section.name !== ".ksyms")) continue;
    const entry = section.vars.find(({ type }) => isExtern(program, type, name));
    if (entry) return { symbol: name, section: section.name, type: entry.type, size: entry.size, weak };
  }
  throw new XdpgenError(
    "object-unsupported",
    `${program.name}: ${program.path} uses ${name}, which it does not define and which its BTF does not list as ` +
      "`__kconfig` or `__ksym` of the kernel; join it first with the object that has it (`bpftool gen object`)",
  );
}

function isExtern(program: ResolvedObject, id: TypeId, name: string): boolean {
  const type = program.object.btf.types[id - 1];
  return (type?.kind === "var" || type?.kind === "func") && type.linkage === "extern" && type.name === name;
}
