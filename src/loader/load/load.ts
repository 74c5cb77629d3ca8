/** Loads an object of libbpf, and turns a refusal into an error that a user can act on. */
import { tmpdir } from "node:os";
import { XdpgenError } from "../../errors.ts";
import { isErrno, KernelError, type BpfObject, type Kernel } from "../machine/kernel.ts";
import { lastLines, libbpfReason, saveLog, verifierLog } from "./verifier-log.ts";

/**
 * @param what such as `program denylist (denylist.bpf.o)`
 * @param name begins the kernel names of its data maps, and the log file's
 * @throws XdpgenError `object-invalid`
 */
export function openObject(kernel: Kernel, elf: Uint8Array, what: string, name: string): BpfObject {
  try {
    // Kernel names are C names, and libbpf keeps the first letters only.
    return kernel.openObject(elf, name.replaceAll(/[^A-Za-z0-9_]/g, "_"));
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    const reason = libbpfReason(cause.log).join("; ") || cause.message;
    throw new XdpgenError("object-invalid", `libbpf cannot open ${what}: ${reason}`, { cause });
  }
}

/**
 * @param blame called when the verifier refuses; may throw a better error than the one that is about to be thrown
 * @throws XdpgenError `program-rejected` with the verifier's last lines, `environment`, or `kernel`
 */
export function loadObject(object: BpfObject, what: string, name: string, blame?: () => void): void {
  try {
    object.load();
  } catch (cause) {
    if (cause instanceof KernelError && verifierLog(cause.log)?.trim()) blame?.();
    throw loadError(cause, what, name);
  }
}

/** What is loaded of an object, and how. */
export interface Loadable<T> {
  readonly elf: Uint8Array;
  /** As of `openObject`. */
  readonly what: string;
  readonly name: string;
  /** Chooses and binds. It may be called twice, with an object of its own each time. */
  readonly prepare: (object: BpfObject) => T;
  /** As of `loadObject`. */
  readonly blame?: () => void;
}

/** An object in the kernel, and what was chosen of it; valid until disposed. */
export interface LoadedObject<T> extends Disposable {
  readonly object: BpfObject;
  readonly elf: Uint8Array;
  readonly chosen: T;
}

/**
 * Opens an object, prepares it and loads it, with the verifier's statistics. Where that fails it is done anew without them:
 * libbpf loads an object once, and asks the verifier either for figures or for reasons.
 *
 * @throws XdpgenError as of `openObject` and `loadObject`
 */
export function loadMeasured<T>(kernel: Kernel, from: Loadable<T>): LoadedObject<T> {
  return (
    attempt(kernel, from, (object) => isLoaded(object)) ??
    attempt(kernel, from, (object) => {
      loadObject(object, from.what, from.name, from.blame);
      return true;
    })!
  );
}

function attempt<T>(
  kernel: Kernel,
  { elf, what, name, prepare }: Loadable<T>,
  load: (object: BpfObject) => boolean,
): LoadedObject<T> | undefined {
  const object = openObject(kernel, elf, what, name);
  const dispose = (): void => object[Symbol.dispose]();
  try {
    const chosen = prepare(object);
    if (load(object)) return { object, elf, chosen, [Symbol.dispose]: dispose };
    dispose();
    return undefined;
  } catch (error) {
    dispose();
    throw error;
  }
}

function isLoaded(object: BpfObject): boolean {
  try {
    object.load({ statistics: true });
    return true;
  } catch (error) {
    if (error instanceof KernelError) return false;
    throw error;
  }
}

function loadError(cause: unknown, what: string, name: string): unknown {
  if (!(cause instanceof KernelError)) return cause;
  const log = verifierLog(cause.log);
  if (log !== undefined && log.trim() !== "") {
    const path = saveLog(cause, name, log);
    const whole = path ? `The whole log is in ${path}` : `The whole log could not be written to ${tmpdir()}`;
    const lines = lastLines(log).map((line) => `    ${line}`);
    return new XdpgenError(
      "program-rejected",
      `the kernel's verifier refuses ${what} (${cause.errnoName}). The log ends with\n${lines.join("\n")}\n${whole}`,
      { cause },
    );
  }
  const reason = libbpfReason(cause.log)
    .map((line) => `\n    ${line}`)
    .join("");
  if (isErrno(cause, "EPERM")) {
    return new XdpgenError(
      "environment",
      `the kernel does not allow ${what} to be loaded (EPERM): run as root; if you are, \`xdpgen doctor\` says what this ` +
        `kernel refuses and why${reason}`,
      { cause },
    );
  }
  return new XdpgenError("kernel", `${what} cannot be loaded: ${cause.errnoName}${reason}`, { cause });
}
