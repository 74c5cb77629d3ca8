/** The one place where a return value becomes an error. */
import koffi from "koffi";
import { KernelError, type Fd } from "../machine/kernel.ts";
import type { Pointer } from "./declare.ts";
import { errnoName } from "./errno.ts";
import { takePrinted } from "./libbpf.ts";
import { close } from "./libc.ts";

/**
 * `returned` unless it says failure: NULL, or below 0. libbpf 1.x returns `-errno`, libc -1; both set errno.
 * What libbpf printed goes into the error, or is forgotten.
 *
 * @param errno of a call that ran in another thread, whose errno cannot be read here
 */
export function check<T extends number | Pointer>(call: string, returned: T, errno?: number): NonNullable<T> {
  const failed = returned === null || (typeof returned === "number" && returned < 0);
  if (failed) errno ??= typeof returned === "number" && returned < -1 ? -returned : koffi.errno();
  const log = takePrinted();
  if (failed) throw new KernelError(call, errno ?? 0, errnoName(errno ?? 0), log);
  return returned;
}

/** Owns the fd that a call returned. */
export function checkFd(call: string, returned: number): Fd {
  let open: number | undefined = check(call, returned);
  const number = open;
  const shut = (): void => {
    if (open === undefined) return;
    open = undefined;
    close(number);
  };
  return { number, close: shut, [Symbol.dispose]: shut };
}
