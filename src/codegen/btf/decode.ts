/**
 * `.BTF` to types. Every length and index is checked against the bytes, so that any input decodes or is refused.
 *
 *     header | types | strings            a type: | name:32 | kind_flag:1 0:2 kind:5 0:8 vlen:16 | size or type:32 | …
 */
import { BTF_HEADER_SIZE, KINDS, LINKAGES, invalid, readHeaderLength, readPart, viewOf } from "./kinds.ts";
import { requireRefs } from "./references.ts";
import { stringReader } from "./strings.ts";
import type { Btf, BtfType, Member } from "./types.ts";

/** Reads the types in order. */
interface Cursor {
  readonly word: () => number;
  readonly signedWord: () => number;
  readonly name: () => string;
  /** So many entries, each as `read` reads it. */
  readonly list: <T>(count: number, read: () => T) => T[];
  /** The type that is being read, for messages. */
  readonly where: () => string;
}

/**
 * @param bytes a whole `.BTF` section; one split from another, as a kernel module's is, is refused and the message says so
 * @throws XdpgenError `btf-invalid` with the byte offset
 */
export function decodeBtf(bytes: Uint8Array): Btf {
  const view = viewOf(bytes);
  const string = stringReader(bytes);
  const headerLength = readHeaderLength(view, ".BTF", BTF_HEADER_SIZE);
  const part = readPart(view, headerLength, 8, "the types of .BTF");
  const start = part.byteOffset - bytes.byteOffset;
  const types: BtfType[] = [];
  let typeAt = 0;
  let at = 0;
  const where = (): string => `type ${types.length + 1} at byte ${start + typeAt}`;
  const word = (): number => {
    if (at + 4 > part.byteLength) invalid(`${where()} is cut off: the types end at byte ${start + part.byteLength}`);
    at += 4;
    return part.getUint32(at - 4, true);
  };
  const cursor: Cursor = {
    word,
    signedWord: () => word() | 0,
    name: () => string(word(), where),
    list: (count, read) => {
      const list = [];
      for (let index = 0; index < count; index++) list.push(read());
      return list;
    },
    where,
  };
  for (; at < part.byteLength; typeAt = at) types.push(decodeType(cursor));
  requireRefs(types);
  return { types };
}

function decodeType(cursor: Cursor): BtfType {
  const { word, name: string, list, where } = cursor;
  const name = string();
  const info = word();
  const sizeOrType = word();
  const flag = info >>> 31 === 1;
  const count = info & 0xffff;
  const kind = KINDS[(info >>> 24) & 0x1f];
  switch (kind) {
    case "int": {
      const bits = word();
      const encoding = (bits >>> 24) & 0x0f;
      return { kind, name, size: sizeOrType, bits: bits & 0xff, bitOffset: (bits >>> 16) & 0xff, encoding };
    }
    case "ptr":
    case "volatile":
    case "const":
    case "restrict":
      return { kind, type: sizeOrType };
    case "array":
      return { kind, type: word(), indexType: word(), length: word() };
    case "struct":
    case "union": {
      const member = (): Member => {
        const [memberName, type, offset] = [string(), word(), word()];
        if (!flag) return { name: memberName, type, bitOffset: offset, bitSize: 0 };
        return { name: memberName, type, bitOffset: offset & 0xff_ffff, bitSize: offset >>> 24 };
      };
      return { kind, name, size: sizeOrType, bitfields: flag, members: list(count, member) };
    }
    case "enum": {
      const value = flag ? cursor.signedWord : word;
      const values = list(count, () => ({ name: string(), value: value() }));
      return { kind, name, size: sizeOrType, signed: flag, values };
    }
    case "enum64": {
      const high = flag ? cursor.signedWord : word;
      const value = (): bigint => {
        const low = BigInt(word());
        return (BigInt(high()) << 32n) | low;
      };
      const values = list(count, () => ({ name: string(), value: value() }));
      return { kind, name, size: sizeOrType, signed: flag, values };
    }
    case "fwd":
      return { kind, name, union: flag };
    case "typedef":
      return { kind, name, type: sizeOrType };
    case "func":
      return { kind, name, type: sizeOrType, linkage: linkage(count, where) };
    case "func_proto":
      return { kind, type: sizeOrType, params: list(count, () => ({ name: string(), type: word() })) };
    case "var":
      return { kind, name, type: sizeOrType, linkage: linkage(word(), where) };
    case "datasec": {
      const vars = list(count, () => ({ type: word(), offset: word(), size: word() }));
      return { kind, name, size: sizeOrType, vars };
    }
    case "float":
      return { kind, name, size: sizeOrType };
    case "decl_tag":
      return { kind, name, type: sizeOrType, component: component(cursor.signedWord(), where), attribute: flag };
    case "type_tag":
      return { kind, name, type: sizeOrType, attribute: flag };
    default:
      return invalid(`${where()} has kind ${(info >>> 24) & 0x1f}, which is not known`);
  }
}

function linkage(value: number, where: () => string): (typeof LINKAGES)[number] {
  return LINKAGES[value] ?? invalid(`${where()} has linkage ${value}, not 0 to ${LINKAGES.length - 1}`);
}

function component(value: number, where: () => string): number {
  return value >= -1 ? value : invalid(`${where()} is on part ${value}, not -1 (the whole) or a part's index`);
}
