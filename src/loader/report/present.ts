/** What is on an interface: the link that is pinned for it, and programs that are nobody's here. */
import type { Mode } from "../../chain/chain.ts";
import type { PinnedLink } from "../live/live.ts";
import { type Identity, readManifest } from "../live/manifest.ts";
import type { Kernel } from "../machine/kernel.ts";

/** An XDP program on the interface that is not the dispatcher of its attachment. */
export interface Occupant {
  readonly id: number;
  readonly name: string;
  readonly mode: Mode | "offloaded";
  /** It is a dispatcher of xdpgen whose pins are out of reach. */
  readonly chain?: string;
}

/** What is on an interface. */
export interface Present {
  /**
   * Where the link is that xdpgen has pinned for it. `defunct`: the interface was removed, or somebody detached the link or
   * removed its pin.
   * `moved`: on an interface that once had this index and went to another network namespace.
   */
  readonly link: "none" | "here" | "defunct" | "moved";
  /** The chain that the pins belong to. */
  readonly chain?: string;
  readonly generation?: number;
  /** Where the link is here. */
  readonly mode?: Mode;
  readonly occupants: readonly Occupant[];
}

export function presentOf(
  kernel: Kernel,
  ifindex: number,
  pinned: PinnedLink | undefined,
  identity: Identity | undefined,
): Present {
  const hook = kernel.queryXdp(ifindex);
  const own = pinned?.place.kind === "here" && pinned.identity ? pinned.programInfo.id : 0;
  const occupants = (["native", "generic", "offloaded"] as const)
    .filter((mode) => hook[mode] !== 0 && hook[mode] !== own)
    .map((mode): Occupant => ({ ...describe(kernel, hook[mode]), mode }));
  const links = { here: "here", nowhere: "defunct", elsewhere: "moved" } as const;
  return {
    link: pinned ? links[pinned.place.kind] : identity ? "defunct" : "none",
    ...(identity && { chain: identity.manifest.chain, generation: identity.generation }),
    ...(pinned?.place.kind === "here" && { mode: pinned.place.mode }),
    occupants,
  };
}

function describe(kernel: Kernel, id: number): Omit<Occupant, "mode"> {
  using program = kernel.programById(id);
  const info = kernel.programInfo(program.number);
  const chain = readManifest(kernel, info)?.manifest?.chain;
  return { id, name: info.name, ...(chain !== undefined && { chain }) };
}
