/**
 * Where the JIT put the functions and the source lines of a loaded program, as profilers ask for it (`struct bpf_prog_info`,
 * include/uapi/linux/bpf.h). Addresses are zero for whom the kernel does not trust with them: kernel.kptr_restrict.
 */
import { check } from "../../src/loader/ffi/check.ts";
import { addressOf, holding } from "../../src/loader/ffi/declare.ts";
import { libbpf } from "../../src/loader/ffi/libbpf.ts";
import { SIZEOF_PROG_INFO } from "../../src/loader/ffi/structs.ts";

export interface JitedProgram {
  /** One for each function, the main function first. */
  readonly functions: readonly { readonly address: bigint; readonly length: number }[];
  /** Of the machine code of each line record, in the order of the records. */
  readonly lines: readonly bigint[];
  /** Records of the program before the JIT. */
  readonly lineCount: number;
}

export function jitedProgram(program: number): JitedProgram {
  const first = programInfo(program, new DataView(new ArrayBuffer(SIZEOF_PROG_INFO)));
  const counts = { functions: first.getUint32(104, true), lines: first.getUint32(168, true) };
  const [addresses, lines] = [new BigUint64Array(counts.functions), new BigUint64Array(counts.lines)];
  const lengths = new Uint32Array(counts.functions);
  const asked = new DataView(new ArrayBuffer(SIZEOF_PROG_INFO));
  asked.setUint32(104, counts.functions, true);
  asked.setUint32(108, counts.functions, true);
  asked.setUint32(168, counts.lines, true);
  asked.setUint32(176, 8, true);
  const arrays = [addresses, lengths, lines].map((array) => new Uint8Array(array.buffer));
  const second = holding(arrays, () => {
    [112, 120, 160].forEach((field, index) => asked.setBigUint64(field, addressOf(arrays[index]!), true));
    return programInfo(program, asked);
  });
  return {
    functions: [...addresses].map((address, index) => ({ address, length: lengths[index]! })),
    lines: [...lines],
    lineCount: second.getUint32(148, true),
  };
}

function programInfo(program: number, info: DataView): DataView {
  const bytes = new Uint8Array(info.buffer);
  const length = new Uint8Array(Uint32Array.of(bytes.length).buffer);
  check("bpf_obj_get_info_by_fd", libbpf().bpf_obj_get_info_by_fd(program, bytes, length));
  return info;
}
