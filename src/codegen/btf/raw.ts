/** Types as text, line for line what `bpftool btf dump file FILE format raw` prints: every number, nothing interpreted. */
import { BTF_INT_BOOL, BTF_INT_CHAR, BTF_INT_SIGNED } from "./kinds.ts";
import { type TextBuilder, textBuilder } from "./text.ts";
import type { Btf, BtfType, TypeId } from "./types.ts";

/** bpftool has no word for two at once. */
const INT_ENCODINGS: Record<number, string> = {
  0: "(none)",
  [BTF_INT_SIGNED]: "SIGNED",
  [BTF_INT_CHAR]: "CHAR",
  [BTF_INT_BOOL]: "BOOL",
};

/** One line for each type, and one, after a tab, for each member, value, parameter or variable. */
export function formatRaw(btf: Btf): string {
  const output = textBuilder();
  for (const [index, type] of btf.types.entries()) formatType(btf, type, index + 1, output);
  return output.text();
}

function formatType(btf: Btf, type: BtfType, id: TypeId, { add }: TextBuilder): void {
  const head = (text: string): void => add(`[${id}] ${type.kind.toUpperCase()} ${nameOf(type)} ${text}\n`);
  switch (type.kind) {
    case "int": {
      const encoding = INT_ENCODINGS[type.encoding] ?? "UNKN";
      head(`size=${type.size} bits_offset=${type.bitOffset} nr_bits=${type.bits} encoding=${encoding}`);
      break;
    }
    case "ptr":
    case "typedef":
    case "const":
    case "volatile":
    case "restrict":
    case "type_tag":
      head(`type_id=${type.type}`);
      break;
    case "array":
      head(`type_id=${type.type} index_type_id=${type.indexType} nr_elems=${type.length}`);
      break;
    case "struct":
    case "union":
      head(`size=${type.size} vlen=${type.members.length}`);
      for (const { name, type: ref, bitOffset, bitSize } of type.members)
        add(
          `\t${quote(name)} type_id=${ref} bits_offset=${bitOffset}${bitSize > 0 ? ` bitfield_size=${bitSize}` : ""}\n`,
        );
      break;
    case "enum":
    case "enum64": {
      const suffix = type.kind === "enum" ? "" : type.signed ? "LL" : "ULL";
      head(`encoding=${type.signed ? "SIGNED" : "UNSIGNED"} size=${type.size} vlen=${type.values.length}`);
      for (const { name, value } of type.values) add(`\t${quote(name)} val=${value}${suffix}\n`);
      break;
    }
    case "fwd":
      head(`fwd_kind=${type.union ? "union" : "struct"}`);
      break;
    case "func":
      head(`type_id=${type.type} linkage=${type.linkage}`);
      break;
    case "var":
      head(`type_id=${type.type}, linkage=${type.linkage}`);
      break;
    case "func_proto":
      head(`ret_type_id=${type.type} vlen=${type.params.length}`);
      for (const { name, type: ref } of type.params) add(`\t${quote(name)} type_id=${ref}\n`);
      break;
    case "datasec":
      head(`size=${type.size} vlen=${type.vars.length}`);
      for (const { type: ref, offset, size } of type.vars) {
        const variable = btf.types[ref - 1];
        const what = variable ? `${variable.kind.toUpperCase()} ${nameOf(variable)}` : "UNKNOWN '(anon)'";
        add(`\ttype_id=${ref} offset=${offset} size=${size} (${what})\n`);
      }
      break;
    case "float":
      head(`size=${type.size}`);
      break;
    case "decl_tag":
      head(`type_id=${type.type} component_idx=${type.component}`);
      break;
  }
}

function nameOf(type: BtfType): string {
  return quote("name" in type ? type.name : "");
}

function quote(name: string): string {
  return `'${name || "(anon)"}'`;
}
