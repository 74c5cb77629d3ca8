/** A failed call, made into an error that says what was attempted and what it left. */
import { XdpgenError } from "../../errors.ts";
import { interfaceGone, NOTHING_CHANGED } from "../machine/interface.ts";
import { isErrno, KernelError } from "../machine/kernel.ts";

/** What ERANGE of a driver means (veth_xdp_set in drivers/net/veth.c). */
const TOO_LARGE =
  "its MTU, or that of its peer, allows larger frames than programs without frags take: lower it, or compile all programs of " +
  'the chain with SEC("xdp.frags")';

/** A driver's refusal: the errno, and what it means where that is known. */
export function refusal(error: KernelError): string {
  return isErrno(error, "ERANGE") ? `${error.errnoName}: ${TOO_LARGE}` : error.errnoName;
}

/**
 * A failed call that nobody has explained yet, as an error with its context; any other error as it is.
 * @param device of the attempt, which ENODEV says is gone
 * @param after what the attempt left, in a clause
 */
export function explain(
  error: unknown,
  what: string,
  device: string | undefined,
  after: string = NOTHING_CHANGED,
): unknown {
  if (error instanceof XdpgenError || !(error instanceof Error)) return error;
  if (device !== undefined && isErrno(error, "ENODEV")) return interfaceGone(device, error, after);
  const call = error instanceof KernelError ? error.call : "syscall" in error ? String(error.syscall) : undefined;
  if (call === undefined) return error;
  const hint = isErrno(error, "ERANGE") ? `: ${TOO_LARGE}` : "";
  return new XdpgenError("kernel", `cannot ${what}: ${error.message}${hint}; ${after}`, { cause: error });
}

/** Runs what may fail, and explains how it did. */
export function explaining<T>(what: string, device: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw explain(error, what, device);
  }
}
