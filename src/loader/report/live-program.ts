/**
 * A program that is loaded, read back. In: its id. Out: its instructions as the verifier left them (xlated), with the names
 * of functions, maps and kernel functions, and its source lines.
 *
 * The verifier rewrites: calls of helpers and kfuncs hold addresses, map loads hold map ids, short helpers and accesses to
 * the context are inlined, dead code is gone. What comes out is for reading; only its local calls and function addresses
 * are turned back, since what the JIT leaves in them would lead nowhere.
 */
import { decode, type Instruction } from "../../codegen/asm/index.ts";
import { decodeBtf } from "../../codegen/btf/index.ts";
import { type StringReader, stringReader } from "../../codegen/btf/strings.ts";
import { XdpgenError } from "../../errors.ts";
import { openKernel } from "../ffi/index.ts";
import { type Fd, isErrno, type Kernel, KernelError, type ProgramCode } from "../machine/kernel.ts";
import { nameCode, nameFunctions } from "./live-code.ts";

export interface LiveProgram {
  readonly id: number;
  /** At most 15 characters. */
  readonly name: string;
  /** `xdp`, `ext`, `sched_cls`, …, as libbpf calls it. */
  readonly type: string;
  /** Sixteen hex digits: a hash of the program as it was loaded. */
  readonly tag: string;
  /**
   * Labels stand at the start of functions; comments name maps, kernel functions and callees. A map load holds the map's id
   * where a program to be loaded holds an fd. What the instruction set does not know is kept.
   */
  readonly instructions: readonly Instruction[];
  /** Empty for a program without BTF. */
  readonly lines: readonly LiveLine[];
}

/** From this slot on, the code is of this source line. */
export interface LiveLine {
  readonly slot: number;
  readonly file: string;
  /** Line and column count from 1; 0 where the compiler did not say. */
  readonly line: number;
  readonly column: number;
  /** The source line itself, with its indentation. */
  readonly text: string;
}

/**
 * Needs CAP_SYS_ADMIN, as everything does that begins with an id. Names of kernel functions need CAP_SYSLOG too; without
 * it they are left out.
 *
 * @param id as `status` and `bpftool prog show` print it
 * @throws XdpgenError `usage` where no program has that id, `environment` where the kernel withholds the code
 */
export function readLiveProgram(id: number, kernel: Kernel = openKernel()): LiveProgram {
  using program = openProgram(kernel, id);
  const { name, type, tag } = kernel.programInfo(program.number);
  const code = kernel.programCode(program.number);
  if (code.instructions === undefined) throw withheld(id, name);
  const btf = code.btfId === 0 ? undefined : readBtf(kernel, code.btfId);
  const raw = decode(code.instructions, { lenient: true });
  const functions = nameFunctions(raw, code, name, btf && decodeBtf(btf));
  return {
    id,
    name,
    type: kernel.programTypeName(type),
    tag,
    instructions: nameCode(kernel, raw, functions),
    lines: btf ? readLines(code, stringReader(btf)) : [],
  };
}

function openProgram(kernel: Kernel, id: number): Fd {
  const missing = (cause?: unknown): XdpgenError =>
    new XdpgenError("usage", `no loaded program has id ${id}: \`bpftool prog show\` lists those that are`, { cause });
  if (!Number.isInteger(id) || id <= 0 || id > 0xffff_ffff) throw missing();
  try {
    return kernel.programById(id);
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw missing(error);
    if (isErrno(error, "EPERM", "EACCES")) {
      throw new XdpgenError(
        "environment",
        `cannot open program ${id}: finding a program by its id needs CAP_SYS_ADMIN; run it as root (sudo)`,
        { cause: error },
      );
    }
    if (!(error instanceof KernelError)) throw error;
    throw new XdpgenError("kernel", `cannot open program ${id}: ${error.message}`, { cause: error });
  }
}

/** Without CAP_BPF there is no code; that of a blinded program is kept from all who may not see addresses. */
function withheld(id: number, name: string): XdpgenError {
  return new XdpgenError(
    "environment",
    `cannot read the code of program ${id} (${name}): the kernel withholds it. Reading needs CAP_BPF and, where ` +
      "net.core.bpf_jit_harden is on, CAP_SYSLOG and a kernel.kptr_restrict below 2; run it as root (sudo)",
  );
}

function readBtf(kernel: Kernel, id: number): Uint8Array {
  using btf = kernel.btfById(id);
  return kernel.btfBytes(btf.number);
}

function readLines({ lines }: ProgramCode, string: StringReader): LiveLine[] {
  return lines.map(({ slot, file, text, line, column }) => {
    const where = (): string => `the source line of slot ${slot}`;
    return { slot, file: string(file, where), line, column, text: string(text, where) };
  });
}
