/** Text of unknown length, put together piece by piece, with an end to what hostile input can make of it. */
import { invalid } from "./kinds.ts";

/** Characters. A name is stored once and may be shown by each of a million members; V8 joins strings up to 2^29. */
const MAX_LENGTH = 2 ** 28;

/** Counts characters that will be written, before they are. Throws XdpgenError `btf-invalid` past 2^28 of them. */
export type Spend = (characters: number) => void;

export function spender(): Spend {
  let left = MAX_LENGTH;
  return (characters) => {
    left -= characters;
    if (left < 0) invalid(`cannot write these types as text: it is longer than ${MAX_LENGTH} characters`);
  };
}

export interface TextBuilder {
  readonly add: (piece: string) => void;
  /** Everything added so far. */
  readonly text: () => string;
}

/** @throws XdpgenError `btf-invalid` from `add` when the text has more than 2^28 characters */
export function textBuilder(): TextBuilder {
  const pieces: string[] = [];
  const spend = spender();
  return {
    add: (piece) => {
      spend(piece.length);
      pieces.push(piece);
    },
    text: () => pieces.join(""),
  };
}
