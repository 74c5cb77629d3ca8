/** Output of runs that happen at the same time, so that each is read in one piece. */
export type Section = {
  readonly write: (chunk: Buffer | string) => void;
  /** Nothing more comes. */
  readonly end: () => void;
};

/**
 * Hands on the output of one section at a time, in the order in which they were opened: that of the first as it comes, that
 * of the others when those before them have ended.
 */
export function openSections(out: (chunk: Buffer | string) => void): (heading: string) => Section {
  type Waiting = { readonly held: (Buffer | string)[]; ended: boolean };
  const queue: Waiting[] = [];
  const flow = (): void => {
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      for (const chunk of first.held.splice(0)) out(chunk);
      if (!first.ended) return;
      queue.shift();
    }
  };
  return (heading) => {
    const mine: Waiting = { held: [`\n── ${heading} ──\n`], ended: false };
    queue.push(mine);
    flow();
    return {
      write: (chunk) => {
        mine.held.push(chunk);
        flow();
      },
      end: () => {
        mine.ended = true;
        flow();
      },
    };
  };
}
