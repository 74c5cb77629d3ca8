/**
 * The C structs that cross the border, laid out by hand (x86-64, arm64 and every other 64-bit little-endian ABI that BPF has).
 *
 * The kernel writes as much of an `_info` as both sides know and libbpf reads as much of an `_opts` as its `sz` says, so an
 * older or newer kernel or libbpf is no error: what it does not know stays 0.
 * Source: include/uapi/linux/bpf.h; bpf.h and libbpf.h of libbpf 1.1.
 */
import type { FunctionInfo, LinkInfo, MapInfo, ProgramCode, ProgramInfo } from "../machine/kernel.ts";

/** sizeof(struct bpf_prog_info) and its cousins, as of Linux 6.1. */
export const SIZEOF_PROG_INFO = 232;
export const SIZEOF_MAP_INFO = 88;
export const SIZEOF_LINK_INFO = 64;
export const SIZEOF_BTF_INFO = 32;
/** The kernel refuses a record size that is not its own, and these two never grew. */
export const SIZEOF_FUNC_INFO = 8;
export const SIZEOF_LINE_INFO = 16;

const LINK_TYPE_XDP = 6;

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A NUL-terminated string in a fixed field. */
export function text(bytes: Uint8Array, offset: number, size: number): string {
  const field = bytes.subarray(offset, offset + size);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** `nr_map_ids` and `map_ids` before the second of the two calls that fetch the ids. */
export function progInfoWithMapIds(count: number, address: bigint): Uint8Array {
  const bytes = new Uint8Array(SIZEOF_PROG_INFO);
  view(bytes).setUint32(52, count, true);
  view(bytes).setBigUint64(56, address, true);
  return bytes;
}

export function progInfoMapCount(bytes: Uint8Array): number {
  return view(bytes).getUint32(52, true);
}

/** How much code there is: bytes of instructions, and records. */
export interface CodeSizes {
  readonly xlatedLength: number;
  readonly funcInfoCount: number;
  readonly lineInfoCount: number;
}

export function progInfoCodeSizes(bytes: Uint8Array): CodeSizes {
  const v = view(bytes);
  return {
    xlatedLength: v.getUint32(20, true),
    funcInfoCount: v.getUint32(144, true),
    lineInfoCount: v.getUint32(148, true),
  };
}

/** What the second of the two calls that fetch the code finds in the struct: where to write how much. */
export function progInfoWithCode(
  sizes: CodeSizes & { readonly xlated: bigint; readonly funcInfo: bigint; readonly lineInfo: bigint },
): Uint8Array {
  const bytes = new Uint8Array(SIZEOF_PROG_INFO);
  const v = view(bytes);
  v.setUint32(20, sizes.xlatedLength, true);
  v.setBigUint64(32, sizes.xlated, true);
  v.setUint32(132, SIZEOF_FUNC_INFO, true);
  v.setBigUint64(136, sizes.funcInfo, true);
  v.setUint32(144, sizes.funcInfoCount, true);
  v.setUint32(148, sizes.lineInfoCount, true);
  v.setBigUint64(152, sizes.lineInfo, true);
  v.setUint32(172, SIZEOF_LINE_INFO, true);
  return bytes;
}

/** @param bytes of the struct, as the second call left it */
export function decodeProgCode(
  bytes: Uint8Array,
  { xlated, funcInfo, lineInfo }: Readonly<Record<"xlated" | "funcInfo" | "lineInfo", Uint8Array>>,
): ProgramCode {
  const v = view(bytes);
  const { xlatedLength } = progInfoCodeSizes(bytes);
  // Without CAP_BPF the length is taken back; of a blinded program (net.core.bpf_jit_harden), the address.
  const withheld = xlatedLength === 0 || v.getBigUint64(32, true) === 0n;
  const lines = records(lineInfo, SIZEOF_LINE_INFO);
  return {
    instructions: withheld ? undefined : xlated,
    btfId: v.getUint32(128, true),
    functions: decodeFunctions(funcInfo),
    lines: lines.map((word) => ({
      slot: word(0),
      file: word(1),
      text: word(2),
      line: word(3) >>> 10,
      column: word(3) & 0x3ff,
    })),
  };
}

/** @param room for how many functions there is at `address` */
export function progInfoWithFunctions(room: number, address: bigint): Uint8Array {
  const bytes = new Uint8Array(SIZEOF_PROG_INFO);
  const v = view(bytes);
  v.setUint32(132, SIZEOF_FUNC_INFO, true);
  v.setBigUint64(136, address, true);
  v.setUint32(144, room, true);
  return bytes;
}

export const decodeFunctions = (funcInfo: Uint8Array): FunctionInfo[] =>
  records(funcInfo, SIZEOF_FUNC_INFO).map((word) => ({ slot: word(0), type: word(1) }));

/** Each record as a function from the index of a 32-bit word to its value. */
function records(bytes: Uint8Array, size: number): ((word: number) => number)[] {
  const v = view(bytes);
  return Array.from(
    { length: bytes.length / size },
    (_, index) =>
      (word): number =>
        v.getUint32(index * size + word * 4, true),
  );
}

export function btfInfo(address: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(SIZEOF_BTF_INFO);
  view(bytes).setBigUint64(0, address, true);
  view(bytes).setUint32(8, size, true);
  return bytes;
}

export function btfInfoSize(bytes: Uint8Array): number {
  return view(bytes).getUint32(8, true);
}

export function decodeProgInfo(bytes: Uint8Array, mapIds: readonly number[]): ProgramInfo {
  const v = view(bytes);
  return {
    type: v.getUint32(0, true),
    id: v.getUint32(4, true),
    tag: Buffer.from(bytes.subarray(8, 16)).toString("hex"),
    loadTime: v.getBigUint64(40, true),
    name: text(bytes, 64, 16),
    mapIds,
    verifiedInstructions: v.getUint32(216, true),
    translatedBytes: v.getUint32(20, true),
    jitedBytes: v.getUint32(16, true),
    functions: v.getUint32(144, true) || v.getUint32(104, true),
  };
}

export function decodeMapInfo(bytes: Uint8Array): MapInfo {
  const v = view(bytes);
  return {
    type: v.getUint32(0, true),
    id: v.getUint32(4, true),
    keySize: v.getUint32(8, true),
    valueSize: v.getUint32(12, true),
    maxEntries: v.getUint32(16, true),
    flags: v.getUint32(20, true),
    name: text(bytes, 24, 16),
  };
}

export function decodeLinkInfo(bytes: Uint8Array): LinkInfo {
  const v = view(bytes);
  const type = v.getUint32(0, true);
  return {
    id: v.getUint32(4, true),
    programId: v.getUint32(8, true),
    ifindex: type === LINK_TYPE_XDP ? v.getUint32(16, true) : 0,
  };
}

/** An `_opts` struct of `size` bytes whose first member is `size_t sz`. */
function opts(size: number, fill: (v: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(size);
  const v = view(bytes);
  v.setBigUint64(0, BigInt(size), true);
  fill(v);
  return bytes;
}

/** `struct bpf_object_open_opts` up to `object_name`. */
export function objectOpenOpts(name: bigint): Uint8Array {
  return opts(16, (v) => v.setBigUint64(8, name, true));
}

/** `struct bpf_prog_load_opts` up to `log_buf`. */
export function progLoadOpts(fields: {
  readonly expectedAttachType: number;
  readonly flags: number;
  readonly btf: number;
  readonly attachBtfId: number;
  readonly attachProgFd: number;
  readonly fdArray: bigint;
  readonly funcInfo: bigint;
  readonly funcInfoCount: number;
  readonly logLevel: number;
  readonly log: bigint;
  readonly logSize: number;
}): Uint8Array {
  return opts(104, (v) => {
    v.setUint32(12, fields.expectedAttachType, true);
    v.setUint32(16, fields.btf, true);
    v.setUint32(20, fields.flags, true);
    v.setUint32(32, fields.attachBtfId, true);
    v.setUint32(36, fields.attachProgFd, true);
    v.setBigUint64(48, fields.fdArray, true);
    v.setBigUint64(56, fields.funcInfo, true);
    v.setUint32(64, fields.funcInfoCount, true);
    v.setUint32(68, fields.funcInfoCount > 0 ? SIZEOF_FUNC_INFO : 0, true);
    v.setUint32(88, fields.logLevel, true);
    v.setUint32(92, fields.logSize, true);
    v.setBigUint64(96, fields.log, true);
  });
}

/** `struct bpf_link_create_opts` up to `target_btf_id`. */
export function linkCreateOpts(flags: number, targetBtfId: number): Uint8Array {
  return opts(32, (v) => {
    v.setUint32(8, flags, true);
    v.setUint32(28, targetBtfId, true);
  });
}

/** `struct bpf_link_update_opts`. */
export function linkUpdateOpts(flags: number, oldProgFd: number): Uint8Array {
  return opts(16, (v) => {
    v.setUint32(8, flags, true);
    v.setUint32(12, oldProgFd, true);
  });
}

/** `struct bpf_xdp_attach_opts`. */
export function xdpAttachOpts(oldProgFd: number): Uint8Array {
  return opts(16, (v) => v.setInt32(8, oldProgFd, true));
}

/** `struct bpf_xdp_query_opts` up to `attach_mode`; `bpf_xdp_query` fills it. */
export function xdpQueryOpts(): Uint8Array {
  return opts(32, () => {});
}

export function decodeXdpQuery(bytes: Uint8Array) {
  const v = view(bytes);
  // The kernel reports one program as `prog_id` with a mode, several one by one (enum XDP_ATTACHED_*).
  const only = v.getUint32(8, true);
  const mode = v.getUint8(24);
  return {
    native: v.getUint32(12, true) || (mode === 1 ? only : 0),
    generic: v.getUint32(20, true) || (mode === 2 ? only : 0),
    offloaded: v.getUint32(16, true) || (mode === 3 ? only : 0),
  };
}

/** `struct bpf_test_run_opts`. Addresses are 0 and sizes 0 for what is not given. */
export function testRunOpts(fields: {
  readonly dataIn: bigint;
  readonly dataInSize: number;
  readonly dataOut: bigint;
  readonly dataOutSize: number;
  readonly ctxIn: bigint;
  readonly ctxInSize: number;
  readonly repeat: number;
  readonly flags: number;
  readonly batchSize: number;
}): Uint8Array {
  return opts(80, (v) => {
    v.setBigUint64(8, fields.dataIn, true);
    v.setBigUint64(16, fields.dataOut, true);
    v.setUint32(24, fields.dataInSize, true);
    v.setUint32(28, fields.dataOutSize, true);
    v.setBigUint64(32, fields.ctxIn, true);
    v.setUint32(48, fields.ctxInSize, true);
    v.setInt32(60, fields.repeat, true);
    v.setUint32(68, fields.flags, true);
    v.setUint32(76, fields.batchSize, true);
  });
}

export function decodeTestRun(bytes: Uint8Array) {
  const v = view(bytes);
  return {
    dataOutSize: v.getUint32(28, true),
    retval: v.getUint32(56, true),
    duration: v.getUint32(64, true),
  };
}
