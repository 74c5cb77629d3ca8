/**
 * What runs on one interface, as the kernel tells it: the link from its pin, the dispatcher from the link, the manifest from
 * the dispatcher. There is no other state.
 *
 * An attachment's folder is known by network namespace and index. Both are given again once they are free, while the
 * interface that had them may live on elsewhere with our link. So nobody trusts the folder's name: whoever acts on an
 * interface reads here where the link really is.
 */
import { dirname } from "node:path";
import type { Mode } from "../../chain/chain.ts";
import { XdpgenError } from "../../errors.ts";
import { publicPath } from "../machine/bpffs.ts";
import { isErrno, type Fd, type Kernel, type LinkInfo, type ProgramInfo, type XdpHook } from "../machine/kernel.ts";
import { owned } from "../machine/owned.ts";
import { type Identity, isReadable, readManifest } from "./manifest.ts";
import { openIfPinned } from "./pins.ts";
import { dispatcherPin, linkPin, listAttachments, listGenerations } from "./store.ts";

/** Where the link of an attachment is. */
export type LinkPlace =
  | { readonly kind: "here"; readonly mode: Mode }
  /** On an interface that once had this index here and was moved to another network namespace. */
  | { readonly kind: "elsewhere" }
  /** The interface is gone, or somebody detached the link: no packet meets it any more. */
  | { readonly kind: "nowhere" };

/** The link that is pinned in an attachment's folder, and the program on it, whosever that is. */
export interface PinnedLink extends Disposable {
  readonly link: Fd;
  /** False where somebody removed the link's pin and it lives on, by an fd of another process or another pin. */
  readonly pinned: boolean;
  readonly place: LinkPlace;
  readonly program: Fd;
  readonly programInfo: ProgramInfo;
  /** Undefined for a program that is not xdpgen's, or is and cannot be read. */
  readonly identity: Identity | undefined;
  /** Why a dispatcher cannot be read: what is pinned is its own, and nobody here can say what belongs. */
  readonly unreadable: string | undefined;
}

export interface Live extends PinnedLink {
  readonly identity: Identity;
}

/** The link whose pin is in `dir`, the folder of interface `ifindex`; undefined where there is none. */
export function readPinned(kernel: Kernel, dir: string, ifindex: number): PinnedLink | undefined {
  const pin = openLink(kernel, dir);
  const link = pin ?? unpinnedLink(kernel, dir, ifindex);
  if (!link) return undefined;
  const held = owned();
  held.own(link);
  try {
    const { programId, place } = locate(kernel, link.number, ifindex);
    const program = held.own(kernel.programById(programId));
    const programInfo = kernel.programInfo(program.number);
    const found = readManifest(kernel, programInfo);
    const whose = {
      identity: found && isReadable(found) ? found : undefined,
      unreadable: found && !isReadable(found) ? found.unreadable : undefined,
    };
    const dispose = (): void => held[Symbol.dispose]();
    return { link, pinned: pin !== undefined, place, program, programInfo, ...whose, [Symbol.dispose]: dispose };
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
}

/**
 * The attachment whose pins are in `dir`; undefined where there is none.
 * @throws XdpgenError `interface-occupied` when somebody put a program of their own on xdpgen's link, or it cannot be read
 */
export function readLive(kernel: Kernel, dir: string, ifindex: number): Live | undefined {
  const pinned = readPinned(kernel, dir, ifindex);
  if (!pinned || isLive(pinned)) return pinned;
  pinned[Symbol.dispose]();
  throw foreignOnLink(pinned, dir);
}

const isLive = (pinned: PinnedLink): pinned is Live => pinned.identity !== undefined;

/** Somebody put a program of their own on xdpgen's link, or another xdpgen a dispatcher. */
export function foreignOnLink({ programInfo, unreadable }: PinnedLink, dir: string): XdpgenError {
  if (unreadable !== undefined) {
    return new XdpgenError(
      "interface-occupied",
      `the link ${publicPath(linkPin(dir))} runs program ${programInfo.id} (${programInfo.name}), a dispatcher that cannot be read: ` +
        `${unreadable}; or detach it (\`xdpgen detach\`), or take over with --replace, which gives its maps up`,
    );
  }
  return new XdpgenError(
    "interface-occupied",
    `the link ${publicPath(linkPin(dir))} runs program ${programInfo.id} (${programInfo.name}), which has no manifest of ` +
      "xdpgen: somebody put it in the dispatcher's place. Detach it (`xdpgen detach`), or take over with --replace",
  );
}

export function notAttached(device: string): XdpgenError {
  return new XdpgenError("not-attached", `xdpgen has nothing on ${device}: \`xdpgen apply\` attaches a chain`);
}

/** A clause for messages: whose link it is that is pinned for an interface and is on another. */
export function movedAway({ identity }: PinnedLink, dir: string, ifindex: number): string {
  const what = identity ? `the chain ${identity.manifest.chain}` : "the program";
  return (
    `${what} whose link is ${publicPath(linkPin(dir))} runs on an interface that once had the index ${ifindex} here and was moved to ` +
    "another network namespace"
  );
}

/** The link and the hook are read one after the other: a swap or a removal in between is told by reading the link again. */
function locate(
  kernel: Kernel,
  link: number,
  ifindex: number,
): { readonly programId: number; readonly place: LinkPlace } {
  let info = kernel.linkInfo(link);
  for (;;) {
    const { programId } = info;
    if (info.ifindex === 0) return { programId, place: { kind: "nowhere" } };
    const mode = info.ifindex === ifindex ? modeOf(kernel, ifindex, programId) : undefined;
    if (mode) return { programId, place: { kind: "here", mode } };
    const again: LinkInfo = kernel.linkInfo(link);
    if (again.ifindex !== 0 && again.programId === programId) return { programId, place: { kind: "elsewhere" } };
    info = again;
  }
}

/** The mode in which an interface of this network namespace runs a program; undefined where it does not. */
export function modeOf(kernel: Kernel, ifindex: number, programId: number): Mode | undefined {
  const hook = hookOf(kernel, ifindex);
  if (hook.native === programId) return "native";
  return hook.generic === programId ? "generic" : undefined;
}

/** Empty where no interface of this network namespace has that index. */
export function hookOf(kernel: Kernel, ifindex: number): XdpHook {
  try {
    return kernel.queryXdp(ifindex);
  } catch (error) {
    if (isErrno(error, "ENODEV")) return { native: 0, generic: 0, offloaded: 0 };
    throw error;
  }
}

/** Undefined means that nothing is attached, or that its link has lost its pin. */
export function openLink(kernel: Kernel, dir: string): Fd | undefined {
  return openIfPinned(kernel, linkPin(dir), "link");
}

/** Id of the link that is pinned in an attachment's folder. */
export function pinnedLinkId(kernel: Kernel, dir: string): number | undefined {
  using link = openLink(kernel, dir);
  return link && kernel.linkInfo(link.number).id;
}

/**
 * The link that runs a dispatcher of this folder on interface `ifindex`, and whose pin somebody removed. Undefined where several
 * do, on interfaces of several network namespaces.
 */
function unpinnedLink(kernel: Kernel, dir: string, ifindex: number): Fd | undefined {
  const dispatchers = pinnedDispatchers(kernel, dir);
  if (dispatchers.size === 0) return undefined;
  const wanted = (info: LinkInfo): boolean => info.ifindex === ifindex && dispatchers.has(info.programId);
  const pinned = new Set(listAttachments(dirname(dir)).map((other) => pinnedLinkId(kernel, other.dir)));
  const [first, ...rest] = xdpLinks(kernel, (info) => wanted(info) && !pinned.has(info.id));
  return first && rest.length === 0 ? findXdpLink(kernel, (info) => info.id === first.id && wanted(info)) : undefined;
}

/** Ids of the dispatchers that are pinned in an attachment's folder. */
export function pinnedDispatchers(kernel: Kernel, dir: string): ReadonlySet<number> {
  const ids = listGenerations(dir).flatMap((generation) => {
    using dispatcher = openIfPinned(kernel, dispatcherPin(dir, generation), "program");
    return dispatcher ? kernel.programInfo(dispatcher.number).id : [];
  });
  return new Set(ids);
}

/** Of all XDP links of the kernel, in whatever network namespace, the first that is `wanted`. */
export function findXdpLink(kernel: Kernel, wanted: (link: LinkInfo) => boolean): Fd | undefined {
  for (let id = kernel.nextLinkId(0); id !== undefined; id = kernel.nextLinkId(id)) {
    let link: Fd;
    try {
      link = kernel.linkById(id);
    } catch (error) {
      if (isErrno(error, "ENOENT", "EAGAIN")) continue;
      throw error;
    }
    try {
      const info = kernel.linkInfo(link.number);
      if (info.ifindex !== 0 && wanted(info)) return link;
    } catch (error) {
      link.close();
      throw error;
    }
    link.close();
  }
  return undefined;
}

/** All that are `wanted`. */
export function xdpLinks(kernel: Kernel, wanted: (link: LinkInfo) => boolean): readonly LinkInfo[] {
  const found: LinkInfo[] = [];
  findXdpLink(kernel, (info) => {
    if (wanted(info)) found.push(info);
    return false;
  });
  return found;
}
