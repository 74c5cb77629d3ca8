/** Damage done to bytes, for readers that must survive any input. */
import fc from "fast-check";
import { XdpgenError } from "../../src/errors.ts";

/** The bytes with some overwritten, and perhaps cut short. Little values and all ones are likelier than by chance. */
export function damaged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const value = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 }));
  const change = fc.tuple(fc.integer({ min: 0, max: bytes.length - 1 }), value);
  const length = fc.oneof(
    { weight: 4, arbitrary: fc.constant(bytes.length) },
    fc.integer({ min: 0, max: bytes.length }),
  );
  return fc.tuple(fc.array(change, { minLength: 1, maxLength: 8 }), length).map(([changes, end]) => {
    const copy = bytes.slice();
    for (const [at, to] of changes) copy[at] = to;
    return copy.slice(0, end);
  });
}

/** The error with which `attempt` refuses its input; undefined if it does not. Any other exception is a bug and goes on. */
export function refusal(attempt: () => unknown): XdpgenError | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (error instanceof XdpgenError) return error;
    throw error;
  }
}
