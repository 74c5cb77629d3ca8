/** A change that somebody gets in the way of, without the lock, begins again with what is there then. */
import { XdpgenError } from "../../errors.ts";
import type { Listening } from "./events.ts";

/** Somebody got in the way since it was read, without the lock. What the change has done is taken back before it begins again. */
export class LostRace extends Error {
  readonly device: string;
  /** Where they have pinned something, at a path that the chain declares; else they changed the link. */
  readonly pin?: string;

  constructor(device: string, { cause, pin }: { readonly cause?: unknown; readonly pin?: string } = {}) {
    super(pin === undefined ? `the link of ${device} was changed by somebody else` : `somebody else pinned ${pin}`, {
      cause,
    });
    this.name = "LostRace";
    this.device = device;
    if (pin !== undefined) this.pin = pin;
  }
}

/** How often a change begins, where others change the link in the middle of it. */
const ATTEMPTS = 5;

/**
 * @param what it is, such as `swap`
 * @throws XdpgenError `conflict` where somebody gets in the way each time
 */
export async function untilWon<T>(
  what: string,
  { emit }: Pick<Listening, "emit">,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof LostRace)) throw error;
      if (count === ATTEMPTS) throw alwaysLost(what, error);
      const { device, pin } = error;
      emit({ kind: "again", interface: device, ...(pin !== undefined && { pin }), attempt: count });
    }
  }
}

function alwaysLost(what: string, { device, pin, cause }: LostRace): XdpgenError {
  const times = `${ATTEMPTS} times in the middle of this ${what}`;
  if (pin !== undefined) {
    const message = `${device}: another process changed what is pinned at ${pin} ${times}`;
    return new XdpgenError("conflict", `${message}: find out who does, and try again`, { cause });
  }
  return new XdpgenError(
    "conflict",
    `${device}: another process replaced or detached the dispatcher ${times}, without the lock; nothing was changed here: ` +
      "find out who does (`bpftool link show`, `xdpgen status`) and try again",
    { cause },
  );
}
