/**
 * The one error class of xdpgen and the closed union of its codes.
 *
 * A message says what was attempted, on what, the actual value, and what to do next. Users see the message and never a
 * stack for a mistake of their own; anything that is not an `XdpgenError` is a bug of ours and keeps its stack.
 */

/** What went wrong, for programs. The text for people is the message. */
export type ErrorCode =
  /** chain.yaml, or a chain given through the library, is wrong; the message holds every mistake. */
  | "chain-invalid"
  /** A command line that cannot be understood, or a call of the library that can never be right. */
  | "usage"
  /** A file that a chain names cannot be read. */
  | "file-unreadable"
  /** Not an ELF object, not for BPF, damaged, or without an XDP program. */
  | "object-invalid"
  /** An object that is right and asks for something the linker does not do. */
  | "object-unsupported"
  /** Bytes that are not valid BTF or `.BTF.ext`. */
  | "btf-invalid"
  /** Instructions that cannot be encoded, laid out or decoded. */
  | "asm-invalid"
  /** A frame, a file of frames or a place that they come from, which cannot be used. */
  | "packet-invalid"
  /** A check of the chain did not come out as declared; nothing was changed. */
  | "check-failed"
  /** The chain's health command failed after the swap; what ran before runs again, or the message says why not. */
  | "health-failed"
  /** A limit of the kernel that this chain meets: 256 subprograms, 64 maps. */
  | "limit"
  /** A map cannot be the one, or be pinned, where the chain says; or none is pinned where one is looked for. */
  | "map-pin"
  /** No program is loaded where a chain says that one is. */
  | "program-missing"
  /** The kernel's verifier refused a program. */
  | "program-rejected"
  /** The machine lacks what the command needs: privilege, library, bpffs, kernel feature. */
  | "environment"
  /** No such interface, or it went away. */
  | "interface-missing"
  /** Somebody else's XDP program is on the interface. */
  | "interface-occupied"
  /** Nothing of xdpgen is on the interface. */
  | "not-attached"
  /** The generation to roll back to is not kept, or not whole; nothing was changed. */
  | "not-kept"
  /** Another process changed it first, or it cannot be told from what another network namespace has; nothing was changed here. */
  | "conflict"
  /** Cancelled, by an AbortSignal or Ctrl-C, before the swap was done; what was there runs. */
  | "aborted"
  /** The kernel refused a call for another reason; `cause` has the call and its errno. */
  | "kernel";

/** Codes that mean the user's input is wrong (exit status 2); the rest mean that the world said no (exit status 1). */
const INPUT_CODES: ReadonlySet<ErrorCode> = new Set([
  "chain-invalid",
  "usage",
  "file-unreadable",
  "object-invalid",
  "object-unsupported",
  "btf-invalid",
  "asm-invalid",
  "packet-invalid",
  "limit",
]);

export class XdpgenError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "XdpgenError";
    this.code = code;
  }

  /** Exit status of a command that ends with this error: 2 for wrong input, 1 when the world said no. */
  get exitStatus(): 1 | 2 {
    return INPUT_CODES.has(this.code) ? 2 : 1;
  }
}

/**
 * One error for several, with the code of the first. A bug of ours among them stays one: an `AggregateError` then, whose `errors` have
 * their stacks.
 */
export function combineFailures(failures: readonly unknown[]): unknown {
  const [first] = failures;
  if (failures.length === 1) return first;
  const message = failures.map((one) => (one instanceof Error ? one.message : String(one))).join("\n");
  const all = new AggregateError(failures, message);
  if (!failures.every((one) => one instanceof XdpgenError)) return all;
  return new XdpgenError((first as XdpgenError).code, message, { cause: all });
}
