/**
 * Which nodes of a graph nobody can tell apart. In: a first guess, and what each node refers to, in order. Out: the classes
 * of nodes that were guessed alike and whose references, place by place, lead into the same classes again.
 *
 * It is the minimisation of automata, after Hopcroft (1971): a class splits every other into the nodes that refer to it in
 * a given place and those that do not; and of two halves only the smaller has to split others in turn. So a node is looked
 * at no more than log n times, where comparing all of them until nothing changes may take n rounds.
 */

/**
 * @param guess for each node its class, from 0 on without a gap; nodes of one class have equally many references
 * @param refs for each node the nodes that it refers to; -1 for none, at the same places in all nodes of a class
 * @returns for each node its class, numbered by the first node of each
 */
export function coarsestPartition(guess: readonly number[], refs: readonly (readonly number[])[]): readonly number[] {
  const classOf = [...guess];
  const referrers = referrersOf(refs);
  // The nodes sorted by class: a class is a stretch of this list, and those in question stand at its front.
  const nodes = guess.map((_, node) => node).toSorted((a, b) => guess[a]! - guess[b]!);
  const place = new Int32Array(nodes.length);
  const starts: number[] = [];
  const ends: number[] = [];
  for (const [at, node] of nodes.entries()) {
    place[node] = at;
    starts[guess[node]!] ??= at;
    ends[guess[node]!] = at + 1;
  }
  /** How many nodes at the front of each class refer to the one that splits. */
  const fronts = starts.map(() => 0);

  const moveToFront = (node: number): void => {
    const to = starts[classOf[node]!]! + fronts[classOf[node]!]!++;
    const other = nodes[to]!;
    nodes[place[node]!] = other;
    place[other] = place[node]!;
    nodes[to] = node;
    place[node] = to;
  };
  /** Makes the smaller of a class's front and its rest a class, and gives that; undefined if one of them is empty. */
  const split = (index: number): number | undefined => {
    const [start, end] = [starts[index]!, ends[index]!];
    const middle = start + fronts[index]!;
    fronts[index] = 0;
    if (middle === end) return undefined;
    const frontIsSmaller = middle - start <= end - middle;
    const fresh = starts.push(frontIsSmaller ? start : middle) - 1;
    ends.push(frontIsSmaller ? middle : end);
    fronts.push(0);
    if (frontIsSmaller) starts[index] = middle;
    else ends[index] = middle;
    for (let at = starts[fresh]!; at < ends[fresh]!; at++) classOf[nodes[at]!] = fresh;
    return fresh;
  };

  // A class that waits here and is split waits on, and its other half with it.
  const waiting = starts.map((_, index) => index);
  for (let splitter = waiting.pop(); splitter !== undefined; splitter = waiting.pop()) {
    const byPosition = new Map<number, number[]>();
    for (const node of nodes.slice(starts[splitter], ends[splitter])) {
      for (const { from, position } of referrers[node]!) {
        const list = byPosition.get(position);
        if (list) list.push(from);
        else byPosition.set(position, [from]);
      }
    }
    for (const list of byPosition.values()) {
      const met = new Set(list.map((node) => classOf[node]!));
      for (const node of list) moveToFront(node);
      for (const index of met) {
        const fresh = split(index);
        if (fresh !== undefined) waiting.push(fresh);
      }
    }
  }
  return classOf.map(numberer());
}

/** For each node, who refers to it and in which position. */
function referrersOf(refs: readonly (readonly number[])[]): readonly { from: number; position: number }[][] {
  const referrers = refs.map((): { from: number; position: number }[] => []);
  for (const [from, list] of refs.entries()) {
    for (const [position, to] of list.entries()) if (to >= 0) referrers[to]!.push({ from, position });
  }
  return referrers;
}

/** Numbers the values that it is given, from 0 on, in the order in which they first appear. */
export function numberer(): (value: string | number) => number {
  const numbers = new Map<string | number, number>();
  return (value) => {
    const known = numbers.get(value);
    if (known !== undefined) return known;
    numbers.set(value, numbers.size);
    return numbers.size - 1;
  };
}
