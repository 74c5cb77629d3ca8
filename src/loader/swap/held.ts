/** What an interface would have to give up to share a dispatcher with others: `groups.ts` brings those together that hold the same. */
import type { Manifest } from "../../codegen/index.ts";
import { pinnedMaps } from "../load/maps.ts";
import type { Kernel } from "../machine/kernel.ts";

/**
 * What the programs of an attachment hold: each map with its kernel id, or else the dispatcher with its counters; undefined for
 * nothing. The same text for two attachments only where they share all of it.
 */
export function heldBy(kernel: Kernel, dir: string, manifest: Manifest, dispatcher: number): string | undefined {
  const held = manifest.programs.flatMap((program) =>
    pinnedMaps(kernel, dir, program).map(({ name, id }) => `${program.name}/${name}=${id}`),
  );
  if (held.length > 0) return held.toSorted().join(" ");
  return manifest.counters ? `dispatcher ${dispatcher}` : undefined;
}
