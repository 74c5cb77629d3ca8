/** What keeps a chain from an interface, whatever is to run there. A swap asks, and so does who only looks. */
import type { Mode } from "../../chain/chain.ts";
import { XdpgenError } from "../../errors.ts";
import { publicPath } from "../machine/bpffs.ts";
import { interfaceNow } from "../machine/interface.ts";
import type { Kernel } from "../machine/kernel.ts";
import { unreadableIn } from "./history.ts";
import { requireFree } from "./hook.ts";
import { foreignOnLink, movedAway, type PinnedLink } from "./live.ts";
import { isStranger, strangerThere } from "./pins.ts";
import type { Place } from "./place.ts";
import { linkPin } from "./store.ts";

/** What a user asks for. */
export interface Wanted {
  readonly mode: Mode | "auto";
  /** Allows what is not xdpgen's, or not here, to be taken away. */
  readonly replace: boolean;
}

/**
 * @param pinned the link that is pinned for the interface
 * @throws XdpgenError `interface-occupied`, `interface-missing`, `environment` where the mode would change
 */
export function requireWay(kernel: Kernel, place: Place, pinned: PinnedLink | undefined, wanted: Wanted): void {
  const { device, ifindex, dir } = place;
  const { mode, replace } = wanted;
  requireLinkPin(kernel, dir, pinned);
  if (!replace) {
    if (pinned) requireOurs(pinned, dir, ifindex);
    else requireReadable(kernel, dir);
  }
  if (pinned?.place.kind === "nowhere") interfaceNow(kernel, place);
  if (pinned?.place.kind === "here") {
    if (mode !== "auto" && mode !== pinned.place.mode) throw wrongMode(device, pinned.place.mode, mode);
    return;
  }
  // What is on the interface may be a dispatcher that needs what this folder has.
  if (!replace) requireFree(kernel, device, ifindex);
}

/** @throws XdpgenError `conflict` where somebody put something else in the place of the link's pin */
export function requireLinkPin(kernel: Kernel, dir: string, pinned: PinnedLink | undefined): void {
  const pin = linkPin(dir);
  if (!pinned?.pinned && isStranger(kernel, pin, "link")) throw strangerThere(pin, "link");
}

/** What to do about pins that are in the way of an interface and are of a chain that runs elsewhere, in a clause. */
export const MAKE_ROOM = "`xdpgen status` says where, and `xdpgen apply` of that chain there takes its pins along";

/** What ran last and has no link any more may be another xdpgen's: with its pins its maps would go. */
function requireReadable(kernel: Kernel, dir: string): void {
  const reason = unreadableIn(kernel, dir);
  if (reason !== undefined) throw unreadableThere(dir, reason);
}

function unreadableThere(dir: string, reason: string): XdpgenError {
  return new XdpgenError(
    "interface-occupied",
    `the pins in ${publicPath(dir)} are of a chain that does not run any more and cannot be read: ${reason}; or detach it ` +
      "(`xdpgen detach`), or take over with --replace: either way its maps are given up",
  );
}

function requireOurs(pinned: PinnedLink, dir: string, ifindex: number): void {
  if (pinned.place.kind === "nowhere" && pinned.unreadable !== undefined) throw unreadableThere(dir, pinned.unreadable);
  if (pinned.place.kind === "here" && !pinned.identity) throw foreignOnLink(pinned, dir);
  if (pinned.place.kind === "elsewhere") {
    const what = movedAway(pinned, dir, ifindex);
    throw new XdpgenError("interface-occupied", `${what}: ${MAKE_ROOM}; or --replace here ends it there`);
  }
}

function wrongMode(device: string, is: Mode, wanted: Mode): XdpgenError {
  return new XdpgenError(
    "environment",
    `${device} runs its chain in ${is} mode, and the mode of a link cannot be changed: to change to ${wanted} mode, run ` +
      "`xdpgen detach` and apply again; in between packets meet no program",
  );
}
