/**
 * Programs of a chain that are loaded already: found in the kernel by pin, id or fd, held until the work is done, and asked
 * what a dispatcher must be to tail-call them.
 */
import { type Chain, type LoadedFacts, loadedSource, type Program } from "../../chain/chain.ts";
import { decode } from "../../codegen/asm/index.ts";
import { isTailCall } from "../../codegen/object/flow.ts";
import { XdpgenError } from "../../errors.ts";
import { reachablePath } from "../machine/bpffs.ts";
import { type Kernel, KernelError, type ProgramInfo } from "../machine/kernel.ts";
import { type Owned, owned } from "../machine/owned.ts";
import { programMemo } from "../machine/program-memo.ts";
import { type AttachType, kindOf, type LoadedKind } from "./program-array.ts";

export interface OpenProgram {
  /** Valid until all are disposed. */
  readonly fd: number;
  readonly info: ProgramInfo;
}

export interface LoadedPrograms extends Disposable {
  /** The chain, with the facts about them. */
  readonly chain: Chain;
  /** By the program's name in the chain. */
  readonly programs: ReadonlyMap<string, OpenProgram>;
  /** What they were loaded for, and with what the dispatcher is loaded to call them. */
  readonly attachType: AttachType;
}

/**
 * @throws XdpgenError `program-missing` where there is no such program, `object-unsupported` where it is none that can be
 *   tail-called, or not beside the others
 */
export function openLoaded(kernel: Kernel, chain: Chain): LoadedPrograms {
  const held = owned();
  try {
    const programs = new Map<string, OpenProgram>();
    const kinds: { readonly program: Program; readonly kind: LoadedKind }[] = [];
    const asked = chain.programs.map((program): Program => {
      const source = loadedSource(program);
      if (source === undefined) return program;
      const what = `program ${program.name} (${source})`;
      const fd = opening(what, () => open(kernel, program, held));
      if (!kernel.isProgram(fd)) throw new XdpgenError("program-missing", `${what}: ${NO_PROGRAM}`);
      const found: OpenProgram = { fd, info: kernel.programInfo(fd) };
      requireXdp(kernel, found.info, what);
      programs.set(program.name, found);
      const { kind, tailCalls } = factsOf(kernel, found, what);
      kinds.push({ program, kind });
      return { ...program, facts: { ...kind, tailCalls } };
    });
    const attachType = commonAttachType(kinds);
    return {
      chain: programs.size > 0 ? { ...chain, programs: asked } : chain,
      programs,
      attachType,
      [Symbol.dispose]: () => held[Symbol.dispose](),
    };
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
}

/** An fd that the caller gave stays the caller's. */
function open(kernel: Kernel, { pinned, id, fd }: Program, held: Owned): number {
  if (fd !== undefined) return fd;
  return held.own(pinned === undefined ? kernel.programById(id!) : kernel.openPin(reachablePath(pinned))).number;
}

function opening<T>(what: string, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    const advice = ADVICE.find(({ errnos }) => errnos.some((errno) => errno === cause.errnoName));
    const reason = advice ? advice.reason : `${cause.call} fails with ${cause.errnoName}`;
    throw new XdpgenError(advice?.code ?? "kernel", `${what}: ${reason}`, { cause });
  }
}

const NO_PROGRAM = "that is no program: give the pin, the id or an open fd of one";

const ADVICE = [
  {
    errnos: ["ENOENT"],
    code: "program-missing",
    reason:
      "no such program is loaded: `bpftool prog show` lists those that are, `bpftool prog pin id N PATH` pins one",
  },
  { errnos: ["EINVAL"], code: "program-missing", reason: NO_PROGRAM },
  {
    // A file that is no pin gives the same as one that may not be opened (kernel/bpf/inode.c, bpf_obj_do_get).
    errnos: ["EACCES"],
    code: "program-missing",
    reason: "that file is no pin of a program, or this user may not open it: `bpftool prog show pinned PATH` tells",
  },
  {
    errnos: ["EPERM"],
    code: "environment",
    reason: "the kernel does not allow it to be opened: an id needs CAP_SYS_ADMIN, a pin the permission of its file",
  },
] as const;

function requireXdp(kernel: Kernel, { type, id, name }: ProgramInfo, what: string): void {
  const called = kernel.programTypeName(type);
  if (called === "xdp") return;
  const extension = called === "ext" ? ": an extension program cannot be tail-called" : "";
  throw new XdpgenError(
    "object-unsupported",
    `${what}: program ${id} (${name}) is of type ${called}, and a slot takes type xdp${extension}`,
  );
}

interface Facts {
  readonly kind: LoadedKind;
  readonly tailCalls: LoadedFacts["tailCalls"];
}

/** A loaded program never changes, and asking is dear. */
const known = programMemo<Facts>();

function factsOf(kernel: Kernel, { fd, info }: OpenProgram, what: string): Facts {
  const found = known.get(kernel, info) ?? {
    kind: kindOf(kernel, fd, `${what}: program ${info.id} (${info.name})`),
    tailCalls: makesTailCalls(kernel, fd),
  };
  known.set(kernel, info, found);
  return found;
}

/** Undefined code is withheld from us: then nothing is known of it. */
function makesTailCalls(kernel: Kernel, program: number): LoadedFacts["tailCalls"] {
  const { instructions } = kernel.programCode(program);
  return instructions !== undefined && decode(instructions, { lenient: true }).some(isTailCall);
}

function commonAttachType(kinds: readonly { readonly program: Program; readonly kind: LoadedKind }[]): AttachType {
  const [first, ...rest] = kinds;
  if (!first) return "xdp";
  const other = rest.find(({ kind }) => kind.attachType !== first.kind.attachType);
  if (!other) return first.kind.attachType;
  const loadedFor = { xdp: "with expected_attach_type BPF_XDP", none: "without an expected_attach_type" };
  throw new XdpgenError(
    "object-unsupported",
    `program ${first.program.name} is loaded ${loadedFor[first.kind.attachType]} and ${other.program.name} ` +
      `${loadedFor[other.kind.attachType]}: the kernel lets no dispatcher tail-call both; load them with one loader, or give ` +
      "one of them as `object`",
  );
}
