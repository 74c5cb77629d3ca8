/**
 * `.BTF` to types. Every length and index is checked against the bytes, so that any input decodes or is refused.
 *
 *     header | types | strings            a type: | name:32 | kind_flag:1 0:2 kind:5 0:8 vlen:16 | size or type:32 | …
 */
import { BTF_HEADER_SIZE, KINDS, LINKAGES, invalid, readHeaderLength, readPart, viewOf } from "./kinds.ts";
import { typeRefs } from "./references.ts";
import { stringReader } from "./strings.ts";
import type { Btf, BtfType } from "./types.ts";

/** Reads 32-bit words of the types in order. */
interface Cursor {
  readonly word: () => number;
  readonly signedWord: () => number;
  readonly name: () => string;
}

/**
 * @param bytes a whole `.BTF` section, not split from another (a module's BTF is)
 * @throws XdpgenError `btf-invalid` with the byte offset
 */
export function decodeBtf(bytes: Uint8Array): Btf {
  const view = viewOf(bytes);
  const string = stringReader(bytes);
  const headerLength = readHeaderLength(view, ".BTF", BTF_HEADER_SIZE);
  const part = readPart(view, headerLength, 8, "the types of .BTF");
  const start = part.byteOffset - bytes.byteOffset;
  const types: BtfType[] = [];
  let at = 0;
  const where = (): string => `type ${types.length + 1} at byte ${start + at}`;
  const word = (): number => {
    if (at + 4 > part.byteLength) invalid(`${where()} is cut off: the types end at byte ${start + part.byteLength}`);
    at += 4;
    return part.getUint32(at - 4, true);
  };
  const cursor: Cursor = { word, signedWord: () => word() | 0, name: () => string(word(), where()) };
  while (at < part.byteLength) types.push(decodeType(cursor, where()));
  for (const [index, type] of types.entries()) {
    const wrong = typeRefs(type).find((id) => id > types.length);
    if (wrong !== undefined)
      invalid(`type ${index + 1} (${type.kind}) refers to type ${wrong}; there are ${types.length}`);
  }
  return { types };
}

function decodeType(cursor: Cursor, where: string): BtfType {
  const name = cursor.name();
  const info = cursor.word();
  const sizeOrType = cursor.word();
  const flag = info >>> 31 === 1;
  const count = info & 0xffff;
  const kind = KINDS[(info >>> 24) & 0x1f];
  const times = <T>(read: () => T): T[] => Array.from({ length: count }, read);
  switch (kind) {
    case "int": {
      const word = cursor.word();
      const encoding = (word >>> 24) & 0x0f;
      return { kind, name, size: sizeOrType, bits: word & 0xff, bitOffset: (word >>> 16) & 0xff, encoding };
    }
    case "ptr":
    case "volatile":
    case "const":
    case "restrict":
      return { kind, type: sizeOrType };
    case "array":
      return { kind, type: cursor.word(), indexType: cursor.word(), length: cursor.word() };
    case "struct":
    case "union":
      return {
        kind,
        name,
        size: sizeOrType,
        bitfields: flag,
        members: times(() => {
          const member = { name: cursor.name(), type: cursor.word() };
          const offset = cursor.word();
          return flag
            ? { ...member, bitOffset: offset & 0xff_ffff, bitSize: offset >>> 24 }
            : { ...member, bitOffset: offset, bitSize: 0 };
        }),
      };
    case "enum": {
      const value = flag ? cursor.signedWord : cursor.word;
      return {
        kind,
        name,
        size: sizeOrType,
        signed: flag,
        values: times(() => ({ name: cursor.name(), value: value() })),
      };
    }
    case "enum64": {
      const value = (): bigint => {
        const low = BigInt(cursor.word());
        return (BigInt(flag ? cursor.signedWord() : cursor.word()) << 32n) | low;
      };
      return {
        kind,
        name,
        size: sizeOrType,
        signed: flag,
        values: times(() => ({ name: cursor.name(), value: value() })),
      };
    }
    case "fwd":
      return { kind, name, union: flag };
    case "typedef":
      return { kind, name, type: sizeOrType };
    case "func":
      return { kind, name, type: sizeOrType, linkage: linkage(count, where) };
    case "func_proto":
      return { kind, type: sizeOrType, params: times(() => ({ name: cursor.name(), type: cursor.word() })) };
    case "var":
      return { kind, name, type: sizeOrType, linkage: linkage(cursor.word(), where) };
    case "datasec":
      return {
        kind,
        name,
        size: sizeOrType,
        vars: times(() => ({ type: cursor.word(), offset: cursor.word(), size: cursor.word() })),
      };
    case "float":
      return { kind, name, size: sizeOrType };
    case "decl_tag":
      return { kind, name, type: sizeOrType, component: cursor.signedWord(), attribute: flag };
    case "type_tag":
      return { kind, name, type: sizeOrType, attribute: flag };
    default:
      return invalid(`${where} has kind ${(info >>> 24) & 0x1f}, which is not known`);
  }
}

function linkage(value: number, where: string): (typeof LINKAGES)[number] {
  return LINKAGES[value] ?? invalid(`${where} has linkage ${value}, not 0 to ${LINKAGES.length - 1}`);
}
