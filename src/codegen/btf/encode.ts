/** Types to `.BTF`, and with them `.BTF.ext`, whose strings are in the same table. The same values give the same bytes. */
import { type StringTable, buildStringTable } from "../string-table.ts";
import { encodeExt, extNames } from "./encode-ext.ts";
import { BTF_HEADER_SIZE, BTF_MAGIC, BTF_VERSION, KINDS, LINKAGES, invalid, viewOf } from "./kinds.ts";
import type { Btf, BtfExt, BtfType, TypeId } from "./types.ts";

export interface EncodeBtfInput {
  readonly btf: Btf;
  /** Makes `.BTF.ext` too. */
  readonly ext?: BtfExt;
  /** Begins the string table, as `btfStrings` has read it: for the same bytes as before. Default: strings as they are met. */
  readonly strings?: readonly string[];
}

/**
 * @throws XdpgenError `btf-invalid` for a value that its field cannot hold, a reference to no type, a name with a NUL
 */
export function encodeBtf({ btf, ext, strings: first }: EncodeBtfInput): { btf: Uint8Array; ext?: Uint8Array } {
  const names = typeNames(btf.types);
  const all = ext ? names.concat(extNames(ext)) : names;
  const strings = buildStringTable(first ? first.concat(all) : all, "btf-invalid");
  const words = encodeTypes(btf.types, strings);
  const typesSize = words.length * 4;
  const bytes = new Uint8Array(BTF_HEADER_SIZE + typesSize + strings.bytes.length);
  const view = viewOf(bytes);
  view.setUint16(0, BTF_MAGIC, true);
  view.setUint8(2, BTF_VERSION);
  view.setUint32(4, BTF_HEADER_SIZE, true);
  view.setUint32(8, 0, true);
  view.setUint32(12, typesSize, true);
  view.setUint32(16, typesSize, true);
  view.setUint32(20, strings.bytes.length, true);
  for (let index = 0; index < words.length; index++) view.setUint32(BTF_HEADER_SIZE + index * 4, words[index]!, true);
  bytes.set(strings.bytes, BTF_HEADER_SIZE + typesSize);
  return ext ? { btf: bytes, ext: encodeExt(ext, strings, btf.types.length) } : { btf: bytes };
}

/** In the order in which they are encoded. */
function typeNames(types: readonly BtfType[]): string[] {
  const names: string[] = [];
  for (const type of types) {
    if ("name" in type) names.push(type.name);
    switch (type.kind) {
      case "struct":
      case "union":
        for (const { name } of type.members) names.push(name);
        break;
      case "enum":
      case "enum64":
        for (const { name } of type.values) names.push(name);
        break;
      case "func_proto":
        for (const { name } of type.params) names.push(name);
        break;
      default:
    }
  }
  return names;
}

/** All types as 32-bit words: three of head each, then what the kind has besides (include/uapi/linux/btf.h, struct btf_type). */
function encodeTypes(types: readonly BtfType[], strings: StringTable): readonly number[] {
  const words: number[] = [];
  let index = 0;
  const check = (what: string, value: number, min: number, max: number): number => {
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    return invalid(`cannot encode ${describe(types, index)}: ${what} is ${value}, not ${min} to ${max}`);
  };
  const u32 = (what: string, value: number): number => check(what, value, 0, 0xffff_ffff);
  const ref = (id: TypeId): number => check("a reference", id, 0, types.length);
  const head = (type: BtfType, sizeOrType: number, count = 0, flag = false): void => {
    const kind = KINDS.indexOf(type.kind) << 24;
    const info = (flag ? 1 << 31 : 0) | kind | check("the number of entries", count, 0, 0xffff);
    words.push("name" in type ? strings.offsetOf(type.name) : 0, info >>> 0, u32("the size", sizeOrType));
  };
  for (; index < types.length; index++) {
    const type = types[index]!;
    switch (type.kind) {
      case "int": {
        const encoding = check("the encoding", type.encoding, 0, 0x0f) << 24;
        const offset = check("the bit offset", type.bitOffset, 0, 0xff) << 16;
        head(type, type.size);
        words.push(encoding | offset | check("the number of bits", type.bits, 0, 0xff));
        break;
      }
      case "ptr":
      case "volatile":
      case "const":
      case "restrict":
      case "typedef":
        head(type, ref(type.type));
        break;
      case "type_tag":
        head(type, ref(type.type), 0, type.attribute);
        break;
      case "decl_tag":
        head(type, ref(type.type), 0, type.attribute);
        words.push(check("the component", type.component, -1, 0x7fff_ffff) >>> 0);
        break;
      case "array":
        head(type, 0);
        words.push(ref(type.type), ref(type.indexType), u32("the length", type.length));
        break;
      case "struct":
      case "union":
        head(type, type.size, type.members.length, type.bitfields);
        for (const { name, type: id, bitOffset, bitSize } of type.members) {
          const size = check(`the bit size of ${name}`, bitSize, 0, type.bitfields ? 0xff : 0);
          const offset = check(`the bit offset of ${name}`, bitOffset, 0, type.bitfields ? 0xff_ffff : 0xffff_ffff);
          words.push(strings.offsetOf(name), ref(id), ((size << 24) | offset) >>> 0);
        }
        break;
      case "enum": {
        const [min, max] = type.signed ? [-0x8000_0000, 0x7fff_ffff] : [0, 0xffff_ffff];
        head(type, type.size, type.values.length, type.signed);
        for (const { name, value } of type.values) {
          words.push(strings.offsetOf(name), check(name, value, min, max) >>> 0);
        }
        break;
      }
      case "enum64":
        head(type, type.size, type.values.length, type.signed);
        for (const { name, value } of type.values) {
          if (value !== (type.signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value))) {
            invalid(`cannot encode ${describe(types, index)}: ${name} is ${value} and does not fit 64 bits`);
          }
          words.push(strings.offsetOf(name), Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
        }
        break;
      case "fwd":
        head(type, 0, 0, type.union);
        break;
      case "func":
        head(type, ref(type.type), LINKAGES.indexOf(type.linkage));
        break;
      case "func_proto":
        head(type, ref(type.type), type.params.length);
        for (const param of type.params) words.push(strings.offsetOf(param.name), ref(param.type));
        break;
      case "var":
        head(type, ref(type.type));
        words.push(LINKAGES.indexOf(type.linkage));
        break;
      case "datasec":
        head(type, type.size, type.vars.length);
        for (const { type: id, offset, size } of type.vars) {
          words.push(ref(id), u32("an offset", offset), u32("a variable's size", size));
        }
        break;
      case "float":
        head(type, type.size);
        break;
    }
  }
  return words;
}

function describe(types: readonly BtfType[], index: number): string {
  const type = types[index]!;
  return `type ${index + 1} (${type.kind}${"name" in type ? ` ${type.name}` : ""})`;
}
