/**
 * `.BTF.ext` as text: which function, source line and CO-RE relocation belongs to which instruction. Instructions are
 * counted from the start of their section. A CO-RE relocation reads as in libbpf's log:
 *
 *     <byte_off> [16] struct task_struct.comm[2] (0:7:2 @ offset 26)
 */
import { formatDeclaration } from "./declaration.ts";
import { CORE_KINDS } from "./kinds.ts";
import { sizeOf } from "./layout.ts";
import { textBuilder } from "./text.ts";
import type { Btf, BtfExt, CoreRelocation, FuncInfo, LineInfo, TypeId } from "./types.ts";

const INSTRUCTION_SIZE = 8;
/** Characters. libbpf follows no more than 64 steps. */
const MAX_ACCESS = 256;
const MAX_ALIASES = 256;
const ALIASES: ReadonlySet<string> = new Set(["typedef", "const", "volatile", "restrict", "type_tag"]);

/** Records of each sort by section; ends with a line feed unless there are none. */
export function formatBtfExt(ext: BtfExt, btf: Btf): string {
  const output = textBuilder();
  const part = <T extends { readonly offset: number }>(
    what: string,
    sections: ReadonlyMap<string, readonly T[]>,
    format: (record: T) => string,
  ): void => {
    for (const [section, records] of sections) {
      output.add(`${what} of ${section}\n`);
      for (const record of records) output.add(`\t${record.offset / INSTRUCTION_SIZE}: ${format(record)}\n`);
    }
  };
  part("functions", ext.funcInfo, (info) => formatFuncInfo(info, btf));
  part("lines", ext.lineInfo, formatLineInfo);
  part("CO-RE relocations", ext.coreRelocations, (relocation) => formatCoreRelocation(relocation, btf));
  return output.text();
}

function formatFuncInfo({ type: id }: FuncInfo, btf: Btf): string {
  const type = btf.types[id - 1];
  if (type?.kind !== "func") return `[${id}] is no function`;
  return `[${id}] ${type.linkage} ${formatDeclaration(btf, type.type, type.name)}`;
}

function formatLineInfo({ file, line, column, text }: LineInfo): string {
  return `${file}:${line}:${column}: ${text.trim()}`.trimEnd();
}

/** One CO-RE relocation. Of an access that does not fit its type, the type and the access string alone are shown. */
function formatCoreRelocation({ type: id, access, kind }: CoreRelocation, btf: Btf): string {
  const name = CORE_KINDS[kind] ?? `kind ${kind}`;
  const type = btf.types[id - 1];
  const root = type ? `[${id}] ${type.kind} ${("name" in type && type.name) || "<anon>"}` : `[${id}]`;
  return `<${name}> ${root}${target(name, id, access, btf) ?? ` (${access})`}`;
}

function target(kind: string, id: TypeId, access: string, btf: Btf): string | undefined {
  if (access.length > MAX_ACCESS || !/^\d+(:\d+)*$/.test(access)) return undefined;
  const path = access.split(":").map(Number);
  switch (kind) {
    case "local_type_id":
    case "target_type_id":
    case "type_exists":
    case "type_size":
    case "type_matches":
      // The access string says nothing more.
      return access === "0" ? "" : undefined;
    case "enumval_exists":
    case "enumval_value":
      return enumerator(id, path, btf);
    default:
      return field(id, path, access, btf);
  }
}

function enumerator(id: TypeId, path: readonly number[], btf: Btf): string | undefined {
  const type = btf.types[resolved(id, btf) - 1];
  if ((type?.kind !== "enum" && type?.kind !== "enum64") || path.length !== 1) return undefined;
  const value = type.values[path[0]!];
  return value && `::${value.name} = ${value.value}`;
}

/** The first number indexes the type itself, as if it were an array; each other a member or an element. */
function field(id: TypeId, path: readonly number[], access: string, btf: Btf): string | undefined {
  const [first = 0, ...rest] = path;
  let text = first === 0 ? "" : `[${first}]`;
  let bits = first * (sizeOf(btf, id) ?? 0) * 8;
  let at = id;
  for (const index of rest) {
    const type = btf.types[resolved(at, btf) - 1];
    if (type?.kind === "array") {
      bits += index * (sizeOf(btf, type.type) ?? 0) * 8;
      text += `[${index}]`;
      at = type.type;
      continue;
    }
    const member = type?.kind === "struct" || type?.kind === "union" ? type.members[index] : undefined;
    if (!member) return undefined;
    bits += member.bitOffset;
    text += member.name && `.${member.name}`;
    at = member.type;
  }
  const offset = bits % 8 === 0 ? `${bits / 8}` : `${Math.floor(bits / 8)}.${bits % 8}`;
  return `${text} (${access} @ offset ${offset})`;
}

/** What a type is behind its names and qualifiers. */
function resolved(start: TypeId, { types }: Btf): TypeId {
  let id = start;
  for (let steps = 0; steps < MAX_ALIASES; steps++) {
    const type = types[id - 1];
    if (!type || !ALIASES.has(type.kind) || !("type" in type)) return id;
    id = type.type;
  }
  return id;
}
