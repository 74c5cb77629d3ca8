/** Which interfaces run one dispatcher. */
import { readPinned } from "./live.ts";
import type { Machine } from "./machine.ts";
import { listAttachments } from "./store.ts";

/** Indexes of the other interfaces of this network namespace that run the dispatcher with this program id. */
export function sharers({ kernel, root, netns }: Machine, ifindex: number, dispatcher: number): readonly number[] {
  return listAttachments(root).flatMap((other) => {
    if (other.netns !== netns || other.ifindex === ifindex) return [];
    using pinned = readPinned(kernel, other.dir, other.ifindex);
    return pinned?.place.kind === "here" && pinned.programInfo.id === dispatcher ? [other.ifindex] : [];
  });
}

/** Whether no interface but these runs it. */
export function runsOnlyOn(
  machine: Machine,
  places: readonly { readonly ifindex: number }[],
  ifindex: number,
  dispatcher: number,
): boolean {
  return sharers(machine, ifindex, dispatcher).every((other) => places.some((place) => place.ifindex === other));
}
