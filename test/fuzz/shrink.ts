/** A failing case, made as small as leaving things out makes it. */

/** Most attempts for one case: enough for any that is worth reading. */
const ATTEMPTS = 2000;

/**
 * The list without whatever can be left out so that it still fails: halves first, then ever smaller pieces, down to single
 * items.
 */
export function shrinkList<T>(list: readonly T[], fails: (list: readonly T[]) => boolean): readonly T[] {
  let least = list;
  let attempts = ATTEMPTS;
  for (let size = Math.ceil(list.length / 2); size >= 1 && attempts > 0; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let at = 0; at < least.length && attempts > 0; attempts--) {
      const shorter = [...least.slice(0, at), ...least.slice(at + size)];
      if (fails(shorter)) least = shorter;
      else at += size;
    }
  }
  return least;
}

/** The same for bytes; those that stay are made zero where that still fails. */
export function shrinkBytes(bytes: Uint8Array, fails: (bytes: Uint8Array) => boolean): Uint8Array {
  const least = Uint8Array.from(shrinkList([...bytes], (list) => fails(Uint8Array.from(list))));
  for (let at = 0; at < Math.min(least.length, ATTEMPTS); at++) {
    const was = least[at]!;
    if (was === 0) continue;
    least[at] = 0;
    if (!fails(least.slice())) least[at] = was;
  }
  return least;
}

/** Bytes to show and to paste: hexadecimal, in groups of eight as instructions are. */
export function showBytes(bytes: Uint8Array): string {
  const groups =
    Buffer.from(bytes)
      .toString("hex")
      .match(/.{1,16}/g) ?? [];
  return `${bytes.length} bytes: ${groups.join(" ")}`;
}
