/** A failed call, made into an error that says what was attempted and what it left. */
import { XdpgenError } from "../errors.ts";
import { interfaceGone, NOTHING_CHANGED } from "./interface.ts";
import { isErrno, KernelError } from "./kernel.ts";

/**
 * A failed call that nobody has explained yet, as an error with its context; any other error as it is.
 * @param after what the attempt left, in a clause
 */
export function explain(error: unknown, what: string, device: string, after: string = NOTHING_CHANGED): unknown {
  if (error instanceof XdpgenError || !(error instanceof Error)) return error;
  if (isErrno(error, "ENODEV")) return interfaceGone(device, error, after);
  const call = error instanceof KernelError ? error.call : "syscall" in error ? String(error.syscall) : undefined;
  if (call === undefined) return error;
  return new XdpgenError("kernel", `cannot ${what}: ${error.message}; ${after}`, { cause: error });
}
