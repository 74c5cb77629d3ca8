/** One thing after the other, in the order in which they were asked for, until there is an end to it. */
import { XdpgenError } from "../errors.ts";
import { NOTHING_CHANGED } from "./machine/interface.ts";

export interface Turns extends AsyncDisposable {
  /**
   * @param signal ends the wait for the turn; from then on it is the task's own
   * @throws XdpgenError `usage` after the end, `aborted` where the signal ends the wait
   */
  take<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** @throws XdpgenError `usage` after the end */
  requireOpen(): void;
  /** Takes no more. @param done called when all is over that was asked for before: at once, where nothing is under way */
  end(done: () => void): void;
}

/** @param over what to say after the end. Disposing ends it, and waits for what was asked for before. */
export function turns(over: string): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let underWay = 0;
  let ended = false;
  const whenDone: (() => void)[] = [];
  const requireOpen = (): void => {
    if (ended) throw new XdpgenError("usage", over);
  };
  const tellDone = (): void => {
    if (underWay === 0) whenDone.splice(0).forEach((done) => done());
  };
  const end = (done: () => void): void => {
    ended = true;
    whenDone.push(done);
    tellDone();
  };
  return {
    requireOpen,
    end,
    async take(task, signal) {
      requireOpen();
      const before = last;
      const isNext = underWay++ === 0;
      const turn = (async () => {
        try {
          await (isNext || !signal ? before : unlessAborted(before, signal));
          return await task();
        } finally {
          underWay--;
          tellDone();
        }
      })();
      // Whoever asked hears of a failure; the next one has its turn all the same, and not before those that came earlier.
      last = settled(before, turn);
      return turn;
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => end(resolve)),
  };
}

async function settled(...all: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(all);
}

async function unlessAborted(turn: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let giveUp = (): void => {};
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = () => {
      const message = `cancelled, while an earlier call of this handle goes on; ${NOTHING_CHANGED}`;
      reject(new XdpgenError("aborted", message, { cause: signal.reason }));
    };
  });
  if (signal.aborted) giveUp();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    await Promise.race([turn, givenUp]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
