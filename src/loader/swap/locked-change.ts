/** What rollback and detach have in common: a change of one interface that loads nothing. */
import { explain } from "../live/explain.ts";
import { type Place, placeOf } from "../live/place.ts";
import { sweep } from "../live/recovery.ts";
import type { Interface } from "../machine/interface.ts";
import { type Machine, thisMachine } from "../machine/machine.ts";
import { listen, type SwapListener } from "./events.ts";
import { explainAborted, openSteps, type Steps } from "./steps.ts";
import { underLocks } from "./under-lock.ts";

export interface ChangeOptions {
  /** Milliseconds to wait for another writer; default 10000. */
  readonly lockTimeout?: number;
  /** Told what happens, as it happens. */
  readonly events?: SwapListener;
  /** Cancels the change until it commits; never after. */
  readonly signal?: AbortSignal;
}

/** Where to act; default this machine. Tests give their own. */
export interface WithMachine {
  readonly machine?: Machine;
}

/** @param what the attempt, for the message of a refusal */
export function machineFor(what: string, { machine, events }: WithMachine & ChangeOptions): Machine {
  using told = listen(events);
  return machine ?? thisMachine(what, told.notice);
}

export interface LockedChange<T> {
  /** The attempt, for messages. */
  readonly what: string;
  /** The interface as the caller called it. */
  readonly called: string;
  /** @param cleared how many attachments of interfaces that are gone were cleared: its own can be one of them */
  readonly find: (cleared: number) => Interface;
  /** Runs under the interface's lock. */
  readonly critical: (place: Place, steps: Steps) => Promise<T>;
  /** What a failed call leaves, in a clause; default nothing. */
  readonly after?: string;
}

/** @throws XdpgenError `conflict`, `aborted`, `kernel`, and what the parts of the change throw */
export async function changeUnderLock<T>(
  machine: Machine,
  { what, called, find, critical, after }: LockedChange<T>,
  { events, lockTimeout: timeout, signal }: ChangeOptions,
): Promise<T> {
  using steps = openSteps(what, { ...(events && { events }), ...(signal && { signal }) });
  try {
    signal?.throwIfAborted();
    const place = placeOf(machine, find(sweep(machine, steps.notice)));
    return await underLocks(machine, [place], timeout, steps, () => critical(place, steps));
  } catch (error) {
    throw explain(explainAborted(error, what, signal), what, called, after);
  }
}
