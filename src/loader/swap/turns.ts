/** One thing after the other, in the order in which they were asked for, until there is an end to it. */
import { XdpgenError } from "../../errors.ts";

export interface Turns extends AsyncDisposable {
  /** @throws XdpgenError `usage` after disposal */
  take<T>(task: () => Promise<T>): Promise<T>;
  /** @throws XdpgenError `usage` after disposal */
  requireOpen(): void;
}

/** @param over what to say once it is disposed of. Disposing waits for what was asked for before. */
export function turns(over: string): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let disposed = false;
  const requireOpen = (): void => {
    if (disposed) throw new XdpgenError("usage", over);
  };
  return {
    requireOpen,
    async take(task) {
      requireOpen();
      const turn = last.then(task);
      // Whoever asked hears of a failure; the next one has its turn all the same.
      last = turn.catch(() => {});
      return turn;
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      await last;
    },
  };
}
