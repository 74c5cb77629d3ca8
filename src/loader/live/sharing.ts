/**
 * Which interfaces have one dispatcher. Who runs it, the links of the whole kernel tell: folders are named by where an interface
 * was, and one whose pins are in another bpffs has none here. Who keeps it, only pins do.
 */
import type { Machine } from "../machine/machine.ts";
import { findXdpLink, modeOf, pinnedDispatchers, readPinned } from "./live.ts";
import type { Place } from "./place.ts";
import { listAttachments } from "./store.ts";

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

/** Whether those of `places` that run it are all that have it: no other link of the kernel does, and no attachment keeps it. */
export function isOnlyOn({ kernel, root }: Machine, places: readonly Place[], dispatcher: number): boolean {
  const running = new Map(
    places.flatMap(({ dir, ifindex }) => {
      using pinned = readPinned(kernel, dir, ifindex);
      return pinned?.programInfo.id === dispatcher ? [[dir, kernel.linkInfo(pinned.link.number).id] as const] : [];
    }),
  );
  const links = new Set(running.values());
  using other = findXdpLink(kernel, ({ id, programId }) => programId === dispatcher && !links.has(id));
  if (other) return false;
  return listAttachments(root).every(({ dir }) => running.has(dir) || !pinnedDispatchers(kernel, dir).has(dispatcher));
}
