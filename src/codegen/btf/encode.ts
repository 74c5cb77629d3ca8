/** Types to `.BTF`, and with them `.BTF.ext`, whose strings are in the same table. The same values give the same bytes. */
import { type StringTable, buildStringTable } from "../string-table.ts";
import { encodeExt, extStrings } from "./ext.ts";
import { BTF_HEADER_SIZE, BTF_MAGIC, BTF_VERSION, KINDS, LINKAGES, invalid, viewOf } from "./kinds.ts";
import { typeRefs } from "./references.ts";
import type { Btf, BtfExt, BtfType } from "./types.ts";

/**
 * @throws XdpgenError `btf-invalid` for a value that its field cannot hold, a reference to no type, a name with a NUL
 */
export function encodeBtf(input: { readonly btf: Btf; readonly ext?: BtfExt }): { btf: Uint8Array; ext?: Uint8Array } {
  const { btf, ext } = input;
  const strings = buildStringTable([...btf.types.flatMap(typeStrings), ...(ext ? extStrings(ext) : [])], "btf-invalid");
  const words = btf.types.flatMap((type, index) => encodeType(type, strings, btf.types.length, index + 1));
  const bytes = new Uint8Array(BTF_HEADER_SIZE + words.length * 4 + strings.bytes.length);
  const view = viewOf(bytes);
  view.setUint16(0, BTF_MAGIC, true);
  view.setUint8(2, BTF_VERSION);
  view.setUint32(4, BTF_HEADER_SIZE, true);
  view.setUint32(8, 0, true);
  view.setUint32(12, words.length * 4, true);
  view.setUint32(16, words.length * 4, true);
  view.setUint32(20, strings.bytes.length, true);
  for (const [index, word] of words.entries()) view.setUint32(BTF_HEADER_SIZE + index * 4, word, true);
  bytes.set(strings.bytes, BTF_HEADER_SIZE + words.length * 4);
  return ext ? { btf: bytes, ext: encodeExt(ext, strings, btf.types.length) } : { btf: bytes };
}

function typeStrings(type: BtfType): string[] {
  const own = "name" in type ? [type.name] : [];
  switch (type.kind) {
    case "struct":
    case "union":
      return [...own, ...type.members.map((member) => member.name)];
    case "enum":
    case "enum64":
      return [...own, ...type.values.map((value) => value.name)];
    case "func_proto":
      return type.params.map((param) => param.name);
    default:
      return own;
  }
}

function encodeType(type: BtfType, strings: StringTable, typeCount: number, id: number): number[] {
  const check = (what: string, value: number, min: number, max: number): number => {
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    const name = "name" in type ? ` ${type.name}` : "";
    return invalid(`cannot encode type ${id} (${type.kind}${name}): ${what} is ${value}, not ${min} to ${max}`);
  };
  const u32 = (what: string, value: number): number => check(what, value, 0, 0xffff_ffff);
  for (const ref of typeRefs(type)) check("a reference", ref, 0, typeCount);
  const head = (sizeOrType: number, count = 0, flag = false): number[] => [
    "name" in type ? strings.offsetOf(type.name) : 0,
    ((flag ? 1 << 31 : 0) | (KINDS.indexOf(type.kind) << 24) | check("the number of entries", count, 0, 0xffff)) >>> 0,
    u32("the size", sizeOrType),
  ];
  switch (type.kind) {
    case "int": {
      const encoding = check("the encoding", type.encoding, 0, 0x0f) << 24;
      const bits =
        (check("the bit offset", type.bitOffset, 0, 0xff) << 16) | check("the number of bits", type.bits, 0, 0xff);
      return [...head(type.size), encoding | bits];
    }
    case "ptr":
    case "volatile":
    case "const":
    case "restrict":
    case "typedef":
      return head(type.type);
    case "type_tag":
      return head(type.type, 0, type.attribute);
    case "decl_tag":
      return [...head(type.type, 0, type.attribute), check("the component", type.component, -1, 0x7fff_ffff) >>> 0];
    case "array":
      return [...head(0), type.type, type.indexType, u32("the length", type.length)];
    case "struct":
    case "union":
      return [
        ...head(type.size, type.members.length, type.bitfields),
        ...type.members.flatMap(({ name, type: ref, bitOffset, bitSize }) => {
          const size = check(`the bit size of ${name}`, bitSize, 0, type.bitfields ? 0xff : 0);
          const offset = check(`the bit offset of ${name}`, bitOffset, 0, type.bitfields ? 0xff_ffff : 0xffff_ffff);
          return [strings.offsetOf(name), ref, ((size << 24) | offset) >>> 0];
        }),
      ];
    case "enum": {
      const [min, max] = type.signed ? [-0x8000_0000, 0x7fff_ffff] : [0, 0xffff_ffff];
      return [
        ...head(type.size, type.values.length, type.signed),
        ...type.values.flatMap(({ name, value }) => [strings.offsetOf(name), check(name, value, min, max) >>> 0]),
      ];
    }
    case "enum64":
      return [
        ...head(type.size, type.values.length, type.signed),
        ...type.values.flatMap(({ name, value }) => {
          if (value !== (type.signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value))) {
            invalid(`cannot encode type ${id} (enum64 ${type.name}): ${name} is ${value} and does not fit 64 bits`);
          }
          return [strings.offsetOf(name), Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn)];
        }),
      ];
    case "fwd":
      return head(0, 0, type.union);
    case "func":
      return head(type.type, LINKAGES.indexOf(type.linkage));
    case "func_proto":
      return [
        ...head(type.type, type.params.length),
        ...type.params.flatMap((param) => [strings.offsetOf(param.name), param.type]),
      ];
    case "var":
      return [...head(type.type), LINKAGES.indexOf(type.linkage)];
    case "datasec":
      return [
        ...head(type.size, type.vars.length),
        ...type.vars.flatMap((v) => [v.type, u32("an offset", v.offset), u32("a variable's size", v.size)]),
      ];
    case "float":
      return head(type.size);
  }
}
