/** The numbers of the BTF format (include/uapi/linux/btf.h), and its two headers. */
import { XdpgenError } from "../../errors.ts";
import type { BtfType } from "./types.ts";

export const BTF_MAGIC = 0xeb9f;
export const BTF_VERSION = 1;
/** magic, version, flags, header length; offset and length of types and of strings. */
export const BTF_HEADER_SIZE = 24;
/** magic, version, flags, header length; offset and length of func_info, line_info and CO-RE relocations. */
export const BTF_EXT_HEADER_SIZE = 32;
/** Bytes of a record of `.BTF.ext`, of struct bpf_func_info, bpf_line_info and bpf_core_relo (include/uapi/linux/bpf.h). */
export const FUNC_INFO_SIZE = 8;
export const LINE_INFO_SIZE = 16;
export const CORE_RELOCATION_SIZE = 16;

/** The position in the list is the number. */
export const KINDS = [
  undefined,
  "int",
  "ptr",
  "array",
  "struct",
  "union",
  "enum",
  "fwd",
  "typedef",
  "volatile",
  "const",
  "restrict",
  "func",
  "func_proto",
  "var",
  "datasec",
  "float",
  "decl_tag",
  "type_tag",
  "enum64",
] as const satisfies readonly (BtfType["kind"] | undefined)[];

/** Bits of an integer's encoding. */
export const BTF_INT_SIGNED = 1;
export const BTF_INT_CHAR = 2;
export const BTF_INT_BOOL = 4;

export const LINKAGES = ["static", "global", "extern"] as const;

/** `enum bpf_core_relo_kind` (include/uapi/linux/bpf.h), in libbpf's words. The position in the list is the number. */
export const CORE_KINDS = [
  "byte_off",
  "byte_sz",
  "field_exists",
  "signed",
  "lshift_u64",
  "rshift_u64",
  "local_type_id",
  "target_type_id",
  "type_exists",
  "type_size",
  "enumval_exists",
  "enumval_value",
  "type_matches",
] as const;

export function invalid(message: string): never {
  throw new XdpgenError("btf-invalid", message);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Checks magic and version and gives the header's length, which later formats may make longer. */
export function readHeaderLength(view: DataView, what: string, minimum: number): number {
  if (view.byteLength < minimum) invalid(`${what} has ${view.byteLength} bytes, less than its header of ${minimum}`);
  const magic = view.getUint16(0, true);
  if (magic !== BTF_MAGIC) {
    const swapped = magic === 0x9feb ? ": it is big endian" : "";
    invalid(`${what} begins with 0x${magic.toString(16)} at byte 0, not 0x${BTF_MAGIC.toString(16)}${swapped}`);
  }
  const version = view.getUint8(2);
  if (version !== BTF_VERSION) invalid(`${what} has version ${version} at byte 2, not ${BTF_VERSION}`);
  const length = view.getUint32(4, true);
  if (length < minimum || length > view.byteLength) {
    invalid(`the header of ${what} is ${length} bytes long at byte 4, not ${minimum} to ${view.byteLength}`);
  }
  return length;
}

/** A part of `view`, of which the header gives offset (counted from the header's end) and length at `field`. */
export function readPart(view: DataView, headerLength: number, field: number, what: string): DataView {
  const offset = headerLength + view.getUint32(field, true);
  const length = view.getUint32(field + 4, true);
  if (offset + length > view.byteLength) {
    invalid(`${what} are ${length} bytes from byte ${offset} on, says byte ${field}, but there are ${view.byteLength}`);
  }
  return new DataView(view.buffer, view.byteOffset + offset, length);
}
