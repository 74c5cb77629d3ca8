/**
 * What runs on one interface, as the kernel tells it: the link from its pin, the dispatcher from the link, the manifest from
 * the map that is bound to the dispatcher. Nothing is remembered anywhere else.
 */
import { decodeManifest, MANIFEST_SECTION, type Manifest } from "../codegen/index.ts";
import { XdpgenError } from "../errors.ts";
import { isErrno, type Fd, type Kernel, type LinkInfo, type ProgramInfo } from "./kernel.ts";
import { linkPin } from "./store.ts";

export interface Live extends Disposable {
  readonly link: Fd;
  readonly linkInfo: LinkInfo;
  readonly dispatcher: Fd;
  readonly dispatcherInfo: ProgramInfo;
  readonly manifest: Manifest;
  readonly generation: number;
  /** The interface is gone, or somebody detached the link: no packet meets it any more. */
  readonly defunct: boolean;
}

/**
 * The attachment whose pins are in `dir`; undefined where there is none.
 * @throws XdpgenError `interface-occupied` when somebody put a program of their own on xdpgen's link
 */
export function readLive(kernel: Kernel, dir: string): Live | undefined {
  const link = openLink(kernel, dir);
  if (!link) return undefined;
  const owned: Fd[] = [link];
  const own = (fd: Fd): Fd => (owned.push(fd), fd);
  const dispose = (): void => owned.forEach((fd) => fd.close());
  try {
    const linkInfo = kernel.linkInfo(link.number);
    const dispatcher = own(kernel.programById(linkInfo.programId));
    const dispatcherInfo = kernel.programInfo(dispatcher.number);
    const found = readManifest(kernel, dispatcherInfo);
    if (!found) {
      throw new XdpgenError(
        "interface-occupied",
        `the link ${linkPin(dir)} runs program ${dispatcherInfo.id} (${dispatcherInfo.name}), which has no manifest of ` +
          "xdpgen: somebody put it in the dispatcher's place. Detach it (`xdpgen detach`), or take over with --replace",
      );
    }
    const defunct = linkInfo.ifindex === 0;
    return { link, linkInfo, dispatcher, dispatcherInfo, ...found, defunct, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Only a missing pin means "nothing is attached"; any other ENOENT is a change under our eyes. */
function openLink(kernel: Kernel, dir: string): Fd | undefined {
  try {
    return kernel.openPin(linkPin(dir));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** The manifest that is bound to a program; undefined for a program that is no dispatcher of xdpgen. */
export function readManifest(
  kernel: Kernel,
  program: ProgramInfo,
): { readonly manifest: Manifest; readonly generation: number } | undefined {
  for (const id of program.mapIds) {
    const map = kernel.mapById(id);
    try {
      const info = kernel.mapInfo(map.number);
      if (info.name !== MANIFEST_SECTION) continue;
      return decodeManifest(kernel.lookup(map.number, new Uint8Array(4), info.valueSize));
    } finally {
      map.close();
    }
  }
  return undefined;
}
