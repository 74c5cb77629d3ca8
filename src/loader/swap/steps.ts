/**
 * How a change goes: step by step, each told as it begins and ends. Between them is the one place where it notices that it was
 * cancelled.
 */
import { setImmediate } from "node:timers/promises";
import { XdpgenError } from "../../errors.ts";
import { listen, type Listening, type SwapListener, type SwapWork } from "./events.ts";
import { LostRace } from "./races.ts";

/** Disposed of when the swap is done, however it ended. */
export interface Steps extends Listening {
  /** Does one step. @throws XdpgenError `aborted` where the swap was cancelled before it and has not committed */
  run<T>(work: SwapWork, body: () => T | Promise<T>): Promise<T>;
  readonly signal: AbortSignal | undefined;
}

/**
 * @param what the attempt, for the message when it is cancelled
 * @param signal cancels until the first `commit` begins its work; after it only a step that listens to it itself, as `health` does
 */
export function openSteps(
  what: string,
  options: { readonly events?: SwapListener; readonly signal?: AbortSignal },
): Steps {
  const { events, signal } = options;
  const listening = listen(events);
  const { emit } = listening;
  let committed = false;
  return {
    ...listening,
    signal,
    async run(work, body) {
      const began = performance.now();
      const milliseconds = (): number => Math.round((performance.now() - began) * 1000) / 1000;
      emit({ kind: "begin", ...work });
      try {
        if (!committed && work.step !== "undo") await requireWanted(what, signal);
        committed ||= work.step === "commit";
        const result = await body();
        if (work.step === "undo") committed = false;
        emit({ kind: "end", ...work, milliseconds: milliseconds() });
        return result;
      } catch (error) {
        emit({ kind: "failed", ...work, milliseconds: milliseconds() });
        // What it has done is taken back before it begins again.
        if (error instanceof LostRace) committed = false;
        throw explainAborted(error, what, signal);
      }
    },
  };
}

/** Steps that load programs hold the event loop; a signal can only be seen where it turns. */
async function requireWanted(what: string, signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  if (signal?.aborted) throw aborted(what, signal.reason);
}

/** What ended because the signal said so, as an error with its context; any other error as it is. */
export function explainAborted(error: unknown, what: string, signal: AbortSignal | undefined): unknown {
  return signal?.aborted && error === signal.reason ? aborted(what, error) : error;
}

function aborted(what: string, cause: unknown): XdpgenError {
  return new XdpgenError("aborted", `cancelled: ${what}; nothing was changed`, { cause });
}
