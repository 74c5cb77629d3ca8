/**
 * Blocks -> blocks that note what happens, for `xdpgen trace`. Each program's record says whether it ran, what it returned
 * and when; a packet enters a program at most once, since edges lead forward. What the programs see, and the verdict, stay as
 * they are. A dispatcher that is not traced has none of this.
 *
 *     call ids
 *     r8 = r0; call bpf_ktime_get_ns
 *     r1 = .data.xdpgen_trace + 32 ll
 *     *(u64 *)(r1 + 8) = r0; r0 = r8; *(u32 *)(r1 + 4) = w0; *(u32 *)(r1 + 0) = 1
 */
import { BPF_FUNC_ktime_get_ns } from "../asm/constants.ts";
import { callHelper, type Instruction, ldSymbol, mov64Reg, R0, R1, R8, R9, stW, stxDw, stxW } from "../asm/index.ts";
import type { Block } from "./blocks.ts";

/** The section, and map, of the records; `.bss` of any name is for libbpf 1.1 and later. */
export const TRACE_SECTION = ".data.xdpgen_trace";

/** Bytes of a record: u32 has run, u32 code, u64 nanoseconds on return, as bpf_ktime_get_ns counts them. */
const RECORD = 16;

/** What one program did with a packet. */
export interface TraceRecord {
  /** 32 bits, unsigned. */
  readonly code: number;
  /** Of `CLOCK_MONOTONIC`, when the program returned. */
  readonly end: bigint;
}

export interface Trace {
  /** Of `CLOCK_MONOTONIC`, when the packet came to the first program. */
  readonly start: bigint;
  /** By node of the plan; undefined where the packet did not come to the program. */
  readonly records: readonly (TraceRecord | undefined)[];
}

/** Bytes of the section for so many programs: their records, and the time of the start. */
export const traceSize = (nodes: number): number => (nodes + 1) * RECORD;

/** What the section holds after a packet. @param bytes `traceSize` of them */
export function readTrace(bytes: Uint8Array): Trace {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nodes = bytes.length / RECORD - 1;
  const records = Array.from({ length: nodes }, (_, node): TraceRecord | undefined => {
    const at = node * RECORD;
    if (view.getUint32(at, true) === 0) return undefined;
    return { code: view.getUint32(at + 4, true), end: view.getBigUint64(at + 8, true) };
  });
  return { start: view.getBigUint64(nodes * RECORD + 8, true), records };
}

export function traced(blocks: readonly Block[]): readonly Block[] {
  const nodes = blocks.filter(({ node }) => node !== undefined).length;
  return blocks.map((block) => {
    const { node } = block;
    if (node === undefined) return block;
    const start = node === 0 ? noteStart(nodes) : [];
    return { ...block, body: [...start, ...block.body], after: noteReturn(node) };
  });
}

/** In front of everything else: R1 is the context. */
function noteStart(nodes: number): readonly Instruction[] {
  return [
    mov64Reg(R9, R1),
    callHelper(BPF_FUNC_ktime_get_ns),
    ldSymbol(R1, TRACE_SECTION, nodes * RECORD),
    stxDw(R1, 8, R0),
    mov64Reg(R1, R9),
  ];
}

/** Behind the call: R0 is the code. */
function noteReturn(node: number): readonly Instruction[] {
  return [
    mov64Reg(R8, R0),
    callHelper(BPF_FUNC_ktime_get_ns),
    ldSymbol(R1, TRACE_SECTION, node * RECORD),
    stxDw(R1, 8, R0),
    mov64Reg(R0, R8),
    stxW(R1, 4, R0),
    stW(R1, 0, 1),
  ];
}
