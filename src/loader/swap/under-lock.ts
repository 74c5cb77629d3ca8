/** Changes of interfaces exclude each other: from before what runs is read until all is done. */
import { adopt } from "../live/adopt.ts";
import { removeIfEmpty } from "../live/pins.ts";
import type { Place } from "../live/place.ts";
import { requireSame } from "../machine/interface.ts";
import { type Holder, lock, type LockOptions } from "../machine/lock.ts";
import type { Machine } from "../machine/machine.ts";
import { owned } from "../machine/owned.ts";
import type { Steps } from "./steps.ts";

/** Two changes that share interfaces take their locks in the same order, so neither waits for the other for ever. */
export const inOrder = <T extends Place>(places: readonly T[]): readonly T[] =>
  places.toSorted((a, b) => a.ifindex - b.ifindex);

/**
 * Runs `critical` under the locks of `places`, which have their folders by then. Where it fails, those go that are empty.
 *
 * @param timeout milliseconds to wait for another writer
 * @throws XdpgenError `conflict` where a lock is not to be had, or an interface is not the same any more; `aborted`
 */
export async function underLocks<T>(
  machine: Machine,
  places: readonly Place[],
  timeout: number | undefined,
  steps: Steps,
  critical: () => T | Promise<T>,
): Promise<T> {
  const { kernel } = machine;
  const sorted = inOrder(places);
  const waits = ({ device }: Place): LockOptions => ({
    timeout,
    waiting: (holder: Holder | undefined) => steps.emit({ kind: "waiting", interface: device, holder }),
    signal: steps.signal,
  });
  for (const place of sorted) await adopt(machine, place.device, place.ifindex, waits(place), steps.notice);
  using locks = owned();
  const ours: string[] = [];
  try {
    await steps.run({ step: "lock", interfaces: sorted.map(({ device }) => device) }, async () => {
      for (const place of sorted) {
        locks.own(await lock(kernel, place.dir, waits(place)));
        ours.push(place.dir);
      }
    });
    for (const place of sorted) requireSame(kernel, place);
    return await critical();
  } catch (error) {
    ours.forEach(removeIfEmpty);
    throw error;
  }
}
