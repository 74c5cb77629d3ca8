/** Reading what others change meanwhile. */
import { XdpgenError } from "../../errors.ts";
import { isErrno } from "./kernel.ts";

export const CHANGED: unique symbol = Symbol("changed");

/** Far more than any writer can disturb: each makes a change in the time of many readings. */
const READINGS = 1000;
/** What is said of things that vanish between two calls. */
const VANISHED = ["ENOENT", "ENODEV"];

/**
 * Reads again while what is read changes under the reading, which is told by `changed` or by something that vanished.
 * @param what for the message
 * @throws XdpgenError `conflict` where that does not end
 */
export function untilSettled<T>(what: string, read: () => T | typeof CHANGED): T {
  for (let reading = 1; ; reading++) {
    let cause: unknown;
    try {
      const found = read();
      if (found !== CHANGED) return found;
    } catch (error) {
      if (!isErrno(error, ...VANISHED)) throw error;
      cause = error;
    }
    if (reading === READINGS) {
      throw new XdpgenError("conflict", `cannot read ${what}: it changed ${READINGS} times meanwhile; try again`, {
        cause,
      });
    }
  }
}
