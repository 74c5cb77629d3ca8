/**
 * The seam to the kernel: everything that the loader asks of libbpf and libc, under TypeScript names. `ffi/` implements it;
 * a test puts a recording or a failing fake in its place. One method is about one call, so that each can fail in turn.
 *
 * All methods throw `KernelError` when the call fails; nothing here knows what a chain is.
 */
import type { Mode } from "../../chain/chain.ts";
import type { MapDefinition } from "../../codegen/index.ts";

/** A failed call: which, its errno, and what libbpf had to say. Becomes the `cause` of an `XdpgenError`. */
export class KernelError extends Error {
  /** The C name of the call. */
  readonly call: string;
  /** Positive; libbpf's own codes begin at 4000. */
  readonly errno: number;
  /** `ENOENT`, … */
  readonly errnoName: string;
  /** What libbpf printed during the operation, the verifier's log included. */
  readonly log: string;

  constructor(call: string, errno: number, errnoName: string, log = "") {
    super(`${call}: ${errnoName}`);
    this.name = "KernelError";
    this.call = call;
    this.errno = errno;
    this.errnoName = errnoName;
    this.log = log;
  }
}

/** Whether `error` is a failed call with one of these errnos. Node's own file errors count too. */
export function isErrno(error: unknown, ...names: readonly string[]): boolean {
  if (error instanceof KernelError) return names.includes(error.errnoName);
  return error instanceof Error && "code" in error && names.includes(String(error.code));
}

/** An owned file descriptor. Closing twice is harmless. */
export interface Fd extends Disposable {
  readonly number: number;
  close(): void;
}

/** `struct bpf_prog_info`, the part that is used. */
export interface ProgramInfo {
  /** `enum bpf_prog_type`. */
  readonly type: number;
  readonly id: number;
  /** Sixteen hex digits. */
  readonly tag: string;
  /** At most 15 characters. */
  readonly name: string;
  /** Nanoseconds since boot. */
  readonly loadTime: bigint;
  readonly mapIds: readonly number[];
  /** Instructions that the verifier walked (`verified_insns`); 0 before Linux 5.16. */
  readonly verifiedInstructions: number;
  /** Bytes of the instructions as the verifier left them (`xlated_prog_len`). */
  readonly translatedBytes: number;
  /** Bytes of machine code, of all functions together (`jited_prog_len`); 0 where the program is interpreted. */
  readonly jitedBytes: number;
  /** Functions, the main one with them (`nr_func_info`); without BTF as many as the JIT made symbols for. */
  readonly functions: number;
}

/** What the kernel keeps of a loaded program's code (`struct bpf_prog_info`), as it is and without any name. */
export interface ProgramCode {
  /** Slots of eight bytes, as the verifier left them; undefined where the kernel withholds them. */
  readonly instructions: Uint8Array | undefined;
  /** 0 for a program that was loaded without BTF. */
  readonly btfId: number;
  readonly functions: readonly FunctionInfo[];
  /** Source lines; `file` and `text` are offsets into the strings of the BTF. */
  readonly lines: readonly {
    readonly slot: number;
    readonly file: number;
    readonly text: number;
    readonly line: number;
    readonly column: number;
  }[];
}

/** A function of a loaded program: where it starts, and the id of its FUNC type. */
export interface FunctionInfo {
  readonly slot: number;
  readonly type: number;
}

export interface MapInfo extends MapDefinition {
  readonly id: number;
  /** At most 15 characters. */
  readonly name: string;
}

/** `struct bpf_link_info`, the part that is used. */
export interface LinkInfo {
  readonly id: number;
  readonly programId: number;
  /** 0 for a link of another type than XDP, and once the interface is gone or the link was detached. */
  readonly ifindex: number;
}

/** What the XDP hook of an interface holds, by `bpf_xdp_query`; 0 means nothing. */
export interface XdpHook {
  readonly native: number;
  readonly generic: number;
  readonly offloaded: number;
}

/** A program of an opened object. */
export interface ObjectProgram {
  /** The function's name. */
  readonly name: string;
  /** Whether `load` loads it. libbpf loads everything that it is not told to leave out. */
  setAutoload(on: boolean): void;
  /** Makes it a plain XDP program. `expected_attach_type` is BPF_XDP, or 0 for `none`. */
  makeXdp(attachType?: "xdp" | "none"): void;
  /** Makes it an extension of `function` in the loaded program `target` (`expected_attach_type` 0). */
  makeExtension(target: number, functionName: string): void;
  /** Valid after `load` and until the object is closed. */
  fd(): number;
  /** What the verifier said of it where `load` asked for statistics, as text; else empty. */
  statistics(): string;
}

/** A map of an opened object. */
export interface ObjectMap extends MapDefinition {
  /** The C name; for the compiler's data sections the section's name, such as `.rodata` or `.bss.NAME`. */
  readonly name: string;
  /** `LIBBPF_PIN_BY_NAME`: the object wants one map for all programs that use the name. It is not pinned by that name here. */
  readonly pinnedByName: boolean;
  /** Takes an existing map in its place. Before `load`. */
  reuse(map: number): void;
  /** Sets the contents of a data section. `value` must have `valueSize` bytes. Before `load`. */
  setInitialValue(value: Uint8Array): void;
  /** Valid after `load` and until the object is closed. */
  fd(): number;
}

/** An ELF object in libbpf's hands. Disposing it closes the fds of its programs and maps; pins and links keep theirs alive. */
export interface BpfObject extends Disposable {
  readonly programs: readonly ObjectProgram[];
  readonly maps: readonly ObjectMap[];
  /** The map of that name; a data section by the full name of its section. */
  map(name: string): ObjectMap | undefined;
  /**
   * Creates the maps, verifies and loads the programs; once only. The error's `log` holds the verifier's log, unless statistics
   * were asked for (`BPF_LOG_STATS`): they cost nothing, and then libbpf does not ask why.
   */
  load(options?: { readonly statistics: boolean }): void;
}

/** Instructions to load without an object; for probes. */
export interface RawProgram {
  readonly type: "xdp" | "extension";
  readonly name: string;
  /** Encoded instructions. */
  readonly instructions: Uint8Array;
  /** XDP: `expected_attach_type` BPF_XDP, the default, or 0. */
  readonly attachType?: "xdp" | "none";
  /** XDP: for packets of several buffers (`BPF_F_XDP_HAS_FRAGS`, Linux 5.18). */
  readonly frags?: boolean;
  /** fd of loaded BTF, and `bpf_func_info` records of 8 bytes. */
  readonly btf?: number;
  readonly funcInfo?: Uint8Array;
  /** fds of the maps that instructions name by their index in this list (`BPF_PSEUDO_MAP_IDX`). */
  readonly fdArray?: readonly number[];
  /** Extensions: the fd of the program and the FUNC type id to extend. */
  readonly target?: { readonly program: number; readonly btfId: number };
}

/** What the verifier made of a program. */
export interface Verification {
  /** One line for each instruction that the verifier walked, as often as it did, and what it knew of the registers. */
  readonly log: string;
  /** Why the program was refused, if it was. */
  readonly refusal: KernelError | undefined;
}

export interface TestRunOptions {
  /** The frame, from the Ethernet header on. At least 14 bytes. */
  readonly data: Uint8Array;
  /** Default 1. */
  readonly repeat?: number;
  /** Send real frames on as the program says (`BPF_F_TEST_XDP_LIVE_FRAMES`, Linux 5.18). Then there is no verdict. */
  readonly liveFrames?: boolean;
  /** Live frames per batch; the kernel's default is 64, its limit 256. */
  readonly batchSize?: number;
  /** An encoded `struct xdp_md`. */
  readonly context?: Uint8Array;
}

export interface TestRunResult {
  readonly retval: number;
  /** The frame as the program left it; empty for live frames. */
  readonly dataOut: Uint8Array;
  /** Mean nanoseconds of one run, rounded down. */
  readonly duration: number;
}

/** Shared locks exclude no other shared ones. */
export type LockKind = "exclusive" | "shared";

export interface Kernel {
  /** `1.1` and the like. */
  readonly libbpfVersion: string;

  /** Opens an ELF object; nothing is in the kernel yet. `name` begins the kernel names of its data maps. */
  openObject(elf: Uint8Array, name: string): BpfObject;
  loadBtf(btf: Uint8Array): Fd;
  loadProgram(program: RawProgram): Fd;
  /** A map without flags. */
  createMap(map: Omit<MapDefinition, "flags"> & { readonly name: string }): Fd;
  /** Has the verifier walk a program at log level 2 (`BPF_LOG_LEVEL2`); nothing stays loaded. */
  verify(program: RawProgram): Verification;

  /** Whether an fd is a program, rather than a map, a link or a file; and so on. */
  isProgram(fd: number): boolean;
  isMap(fd: number): boolean;
  isLink(fd: number): boolean;
  programInfo(program: number): ProgramInfo;
  programCode(program: number): ProgramCode;
  /** Those that the verifier has kept, the main function first, in one call; empty for a program that was loaded without BTF. */
  programFunctions(program: number): readonly FunctionInfo[];
  /** Bytes that the kernel holds for a program, apart from machine code: whole pages (`memlock` in its fdinfo). */
  programMemory(program: number): number;
  /** `xdp`, `sched_cls`, …: libbpf's word for an `enum bpf_prog_type`; `type N` for one that is newer than libbpf. */
  programTypeName(type: number): string;
  /** A whole `.BTF` section. */
  btfBytes(btf: number): Uint8Array;
  mapInfo(map: number): MapInfo;
  linkInfo(link: number): LinkInfo;
  programById(id: number): Fd;
  mapById(id: number): Fd;
  btfById(id: number): Fd;
  linkById(id: number): Fd;
  /** The next link's id after `id`; undefined at the end. Start with 0. */
  nextLinkId(id: number): number | undefined;
  /** The value under `key`, `valueSize` bytes. */
  lookup(map: number, key: Uint8Array, valueSize: number): Uint8Array;
  update(map: number, key: Uint8Array, value: Uint8Array): void;

  pin(fd: number, path: string): void;
  openPin(path: string): Fd;

  linkXdp(program: number, ifindex: number, mode: Mode): Fd;
  linkExtension(extension: number, target: number, btfId: number): Fd;
  /** Compare and swap: EPERM when the link no longer runs `expected`, ENOLINK when the interface is gone. */
  updateLink(link: number, next: number, expected: number): void;
  detachLink(link: number): void;
  queryXdp(ifindex: number): XdpHook;
  /** Netlink attachment, only to put back what `replace` took away: EBUSY or EEXIST where something else is there by then. */
  attachXdp(ifindex: number, program: number, mode: Mode): void;
  /** Removes a netlink attachment of `expected`. */
  detachXdp(ifindex: number, mode: Mode, expected: number): void;

  /** Returns when every packet that was in a program at the time of the call has left it: an RCU grace period. */
  waitForPackets(): Promise<void>;

  /** Runs in a worker thread: the event loop goes on. */
  testRun(program: number, options: TestRunOptions): Promise<TestRunResult>;

  /** 0 where there is no such interface in this network namespace. */
  interfaceIndex(name: string): number;
  /** Undefined where no interface of this network namespace has that index. */
  interfaceName(index: number): string | undefined;
  /** Takes the calling thread into the network namespace of an open file, until the next call. */
  enterNetwork(namespace: number): void;
  /** Takes a lock of an open file (flock) without waiting; false where another holds one that excludes it. */
  tryLock(fd: number, kind: LockKind): boolean;
  mountBpffs(path: string): void;
}
