/** An interface and where its attachment is: what every change begins with. */
import { type Interface, requireInterface } from "../machine/interface.ts";
import type { Machine } from "../machine/machine.ts";
import { attachmentDir } from "./store.ts";

/** An interface of this network namespace, and the folder of its attachment. */
export interface Place extends Interface {
  readonly dir: string;
}

/** Each interface once, whatever its names. */
export function placesOf(machine: Machine, devices: readonly string[]): readonly Place[] {
  const byIndex = new Map<number, Place>();
  for (const device of devices) {
    const ifindex = requireInterface(machine.kernel, device);
    if (!byIndex.has(ifindex)) byIndex.set(ifindex, placeOf(machine, { device, ifindex }));
  }
  return [...byIndex.values()];
}

export function placeOf(machine: Machine, { device, ifindex }: Interface): Place {
  return { device, ifindex, dir: attachmentDir(machine, ifindex) };
}
