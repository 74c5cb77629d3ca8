/** Random choices that a seed repeats, fast enough for millions of inputs: what the fuzz targets make their cases of. */

export interface Random {
  /** A whole number from 0 to n - 1, for n up to 2^32. */
  int(n: number): number;
  /** Any 32 bits, as a number from 0 to 2^32 - 1. */
  bits32(): number;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  bytes(length: number): Uint8Array;
  /** True with this probability, from 0 to 1. */
  chance(probability: number): boolean;
}

/** Mulberry32: 32 bits of state, and every state follows from the seed, so that seeds 1, 2, 3 … differ from the start. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const bits32 = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  // The upper bits of a product are spread as well as the 32 bits are: no remainder that favours small numbers.
  const int = (n: number): number => Math.floor((bits32() / 0x1_0000_0000) * n);
  return {
    int,
    bits32,
    pick: (list) => list[int(list.length)]!,
    bytes: (length) => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 4) {
        const bits = bits32();
        for (let byte = at; byte < Math.min(at + 4, length); byte++) bytes[byte] = bits >>> ((byte - at) * 8);
      }
      return bytes;
    },
    chance: (probability) => bits32() < probability * 0x1_0000_0000,
  };
}
