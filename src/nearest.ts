/**
 * The nearest right word to a misspelt one: keys, names and values of chain.yaml, options of the command line.
 *
 * Distance is Damerau-Levenshtein in its optimal-alignment form: insert, delete, replace, swap of neighbours.
 */

/** Edits between two words; a swap of two neighbouring letters is one edit. */
export function distance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforePrevious[j - 2]! + 1);
      }
      row.push(cost);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}

/**
 * The candidate that `word` was most likely meant to be, or nothing when none is near.
 *
 * Case does not count. One edit in three letters is near, and so is a start of three letters or more (`prio`). Among
 * equally near candidates the first wins.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  let best: { candidate: string; edits: number } | undefined;
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    const longest = Math.max(wanted.length, known.length);
    const allowed = Math.max(1, Math.floor(longest / 3));
    const started = wanted.length >= 3 && known.startsWith(wanted);
    // Words that differ in length by more than is allowed need no table; a word of a megabyte gets none.
    if (!started && Math.abs(wanted.length - known.length) > allowed) continue;
    const edits = started ? 1 : distance(wanted, known);
    if (edits <= allowed && edits < longest && (!best || edits < best.edits)) best = { candidate, edits };
  }
  return best?.candidate;
}
