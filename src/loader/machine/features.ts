/**
 * What this kernel allows, found by trying: nothing else tells policy (lockdown, an LSM, a hardened build) from ability.
 * What it says of extensions is kept with the kernel that said it, so a process tries once on this machine's.
 */
import { encodeBtf } from "../../codegen/btf/index.ts";
import type { Btf } from "../../codegen/btf/types.ts";
import { XdpgenError } from "../../errors.ts";
import { isErrno, KernelError, type Fd, type Kernel } from "./kernel.ts";
import { owned } from "./owned.ts";

export interface FreplaceSupport {
  readonly supported: boolean;
  /** Why not, in a clause; undefined where it is supported. */
  readonly reason?: string;
  /** The step that failed and its errno. */
  readonly step?: "btf" | "target" | "load" | "attach";
  readonly errnoName?: string;
  readonly log?: string;
}

/** `r0 = 2; exit`: XDP_PASS (RFC 9669). */
const PASS_PROGRAM = Uint8Array.from([0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

/** `int probe(struct xdp_md *ctx)`, global: the least that the kernel lets an extension replace (kernel/bpf/btf.c). */
const PROBE_BTF: Btf = {
  types: [
    { kind: "int", name: "int", size: 4, bits: 32, bitOffset: 0, encoding: 1 },
    { kind: "struct", name: "xdp_md", size: 0, members: [], bitfields: false },
    { kind: "ptr", type: 2 },
    { kind: "func_proto", type: 1, params: [{ name: "ctx", type: 3 }] },
    { kind: "func", name: "probe", type: 4, linkage: "global" },
  ],
};
const PROBE_FUNC = 5;
/** One `struct bpf_func_info`: instruction 0, type id 5. */
const FUNC_INFO = Uint8Array.from([0, 0, 0, 0, PROBE_FUNC, 0, 0, 0]);

const known = new WeakMap<Kernel, FreplaceSupport>();

/**
 * Loads a tiny program and an extension of it, and attaches the one to the other. Nothing is left behind.
 * @throws XdpgenError `kernel` where that tells nothing, as without memory or with too many open files
 */
export function freplaceSupport(kernel: Kernel): FreplaceSupport {
  let support = known.get(kernel);
  if (!support) known.set(kernel, (support = probeFreplace(kernel)));
  return support;
}

/** Whether linkage `auto` is `freplace` on this machine; else it is `call`. */
export function canFreplace(kernel: Kernel): boolean {
  return freplaceSupport(kernel).supported;
}

/** Errnos of policy and of ability, which are the same the next time. */
const ANSWERS = ["EPERM", "EACCES", "EINVAL", "E2BIG", "ENOSYS", "ENOENT", "ESRCH", "EOPNOTSUPP", "ENOTSUPP"];

const ATTEMPTS = {
  btf: "loading BTF",
  target: "loading an XDP program with BTF",
  load: "loading an extension program (BPF_PROG_TYPE_EXT)",
  attach: "attaching an extension program",
} as const;

function probeFreplace(kernel: Kernel): FreplaceSupport {
  let step: NonNullable<FreplaceSupport["step"]> = "btf";
  using probes = owned();
  const own = (fd: Fd): number => probes.own(fd).number;
  const code = { name: "probe", instructions: PASS_PROGRAM, funcInfo: FUNC_INFO };
  try {
    const btf = own(kernel.loadBtf(encodeBtf({ btf: PROBE_BTF }).btf));
    step = "target";
    const target = own(kernel.loadProgram({ ...code, type: "xdp", btf }));
    step = "load";
    const of = { program: target, btfId: PROBE_FUNC };
    const extension = own(kernel.loadProgram({ ...code, type: "extension", btf, target: of }));
    step = "attach";
    own(kernel.linkExtension(extension, target, PROBE_FUNC));
    return { supported: true };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const { errnoName, log } = error;
    const reason = `${ATTEMPTS[step]} fails with ${errnoName}`;
    if (isErrno(error, ...ANSWERS)) return { supported: false, reason, step, errnoName, log };
    throw new XdpgenError(
      "kernel",
      `cannot find out whether this kernel takes extension programs: ${reason}; try again`,
      {
        cause: error,
      },
    );
  }
}

/**
 * `int probe(ctx)` and below it a function that would make a tail call, if the map of programs held one: what a dispatcher
 * with loaded programs does. Refused without a JIT, and where the JIT cannot do both (arm64 before Linux 6.0).
 *
 *     call +2; r0 = 2; exit
 *     r2 = MAP ll; r3 = 0; call 12; r0 = 31; exit
 */
function tailCallProgram(array: number): Uint8Array {
  const code = Uint8Array.from(
    [
      [0x85, 0x10, 0, 0, 2, 0, 0, 0],
      [0xb7, 0, 0, 0, 2, 0, 0, 0],
      [0x95, 0, 0, 0, 0, 0, 0, 0],
      [0x18, 0x12, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0, 0],
      [0xb7, 3, 0, 0, 0, 0, 0, 0],
      [0x85, 0, 0, 0, 12, 0, 0, 0],
      [0xb7, 0, 0, 0, 31, 0, 0, 0],
      [0x95, 0, 0, 0, 0, 0, 0, 0],
    ].flat(),
  );
  new DataView(code.buffer).setInt32(8 * 3 + 4, array, true);
  return code;
}

/** Slots 0 and 3 are functions of `int (struct xdp_md *)`. */
const TWO_FUNCTIONS = Uint8Array.from([0, 0, 0, 0, PROBE_FUNC, 0, 0, 0, 3, 0, 0, 0, PROBE_FUNC, 0, 0, 0]);

/** Whether this kernel takes tail calls below the main function of a program, as linkage `tail` makes them; else why not. */
export function tailObstacle(kernel: Kernel): string | undefined {
  using probes = owned();
  const own = (fd: Fd): number => probes.own(fd).number;
  try {
    const btf = own(kernel.loadBtf(encodeBtf({ btf: PROBE_BTF }).btf));
    const array = own(kernel.createMap({ type: 3, keySize: 4, valueSize: 4, maxEntries: 1, name: "probe" }));
    const instructions = tailCallProgram(array);
    own(kernel.loadProgram({ type: "xdp", name: "probe", instructions, btf, funcInfo: TWO_FUNCTIONS }));
    return undefined;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return `a program that tail-calls below its main function is refused with ${error.errnoName}`;
  }
}

export interface TestRunSupport {
  readonly testRun: boolean;
  readonly liveFrames: boolean;
  /** Why not, by errno. */
  readonly errnoName?: string;
}

/** Whether BPF_PROG_TEST_RUN works for XDP, and with live frames. */
export async function testRunSupport(kernel: Kernel): Promise<TestRunSupport> {
  let program: Fd | undefined;
  let testRun = false;
  try {
    program = kernel.loadProgram({ type: "xdp", name: "probe", instructions: DROP_PROGRAM });
    const data = new Uint8Array(64);
    await kernel.testRun(program.number, { data });
    testRun = true;
    await kernel.testRun(program.number, { data, liveFrames: true });
    return { testRun, liveFrames: true };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { testRun, liveFrames: false, errnoName: error.errnoName };
  } finally {
    program?.close();
  }
}

/** `r0 = 1; exit`: XDP_DROP, so that a live frame goes nowhere. */
const DROP_PROGRAM = Uint8Array.from([0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
