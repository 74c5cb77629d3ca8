/**
 * Which interfaces run one dispatcher. The links are asked, of the whole kernel: folders are named by where an interface was,
 * and an interface whose pins are in another bpffs has none here.
 */
import type { Machine } from "../machine/machine.ts";
import { findXdpLink, modeOf, readPinned } from "./live.ts";
import type { Place } from "./store.ts";

/** Indexes of the other interfaces of this network namespace that run the dispatcher with this program id, in their order. */
export function sharers({ kernel }: Machine, ifindex: number, dispatcher: number): readonly number[] {
  const found = new Set<number>();
  for (;;) {
    using link = findXdpLink(
      kernel,
      (info) => info.programId === dispatcher && info.ifindex !== ifindex && !found.has(info.ifindex),
    );
    if (!link) break;
    found.add(kernel.linkInfo(link.number).ifindex);
  }
  // An interface of another network namespace may have the index.
  return [...found].filter((other) => modeOf(kernel, other, dispatcher) !== undefined).toSorted((a, b) => a - b);
}

/** Whether no link of the kernel runs it but those of `places`. */
export function runsOnlyOn({ kernel }: Machine, places: readonly Place[], dispatcher: number): boolean {
  const links = new Set(
    places.flatMap(({ dir, ifindex }) => {
      using pinned = readPinned(kernel, dir, ifindex);
      return pinned ? kernel.linkInfo(pinned.link.number).id : [];
    }),
  );
  using other = findXdpLink(kernel, ({ id, programId }) => programId === dispatcher && !links.has(id));
  return other === undefined;
}
