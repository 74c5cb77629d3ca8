/** The XDP hook of an interface: what sits on it, creating our link, taking it over from somebody else. */
import type { Mode } from "../chain/chain.ts";
import { XdpgenError } from "../errors.ts";
import { isErrno, KernelError, type Fd, type Kernel, type XdpHook } from "./kernel.ts";
import { readManifest } from "./live.ts";

const LINK_TYPE_XDP = 6;
const MODES: readonly Mode[] = ["native", "generic"];

/** The mode in which a program is on the hook. */
export function modeOf(hook: XdpHook, programId: number): Mode {
  return hook.generic === programId ? "generic" : "native";
}

/** Whether a program is on the hook, in whichever mode. */
export function isOn(hook: XdpHook, programId: number): boolean {
  return hook.native === programId || hook.generic === programId || hook.offloaded === programId;
}

/** @throws XdpgenError `interface-occupied`, naming the program */
export function requireFree(kernel: Kernel, device: string, ifindex: number): void {
  const hook = kernel.queryXdp(ifindex);
  for (const mode of ["native", "generic", "offloaded"] as const) {
    if (hook[mode] === 0) continue;
    const program = `XDP program ${hook[mode]} (${programName(kernel, hook[mode])}) in ${mode} mode`;
    const chain = chainOf(kernel, hook[mode]);
    const whose =
      chain === undefined
        ? `which is not xdpgen's; nothing was changed. Detach it (\`ip link set dev ${device} xdp off\`, or its owner's ` +
          "tool), or take over with --replace"
        : `which is chain ${chain} of xdpgen, with its pins out of reach: the interface came from another network ` +
          "namespace, or they are in another bpffs; nothing was changed. Take over with --replace";
    throw new XdpgenError("interface-occupied", `${device} already runs ${program}, ${whose}`);
  }
}

/** The chain of a dispatcher of xdpgen; undefined for a program of somebody else. */
function chainOf(kernel: Kernel, id: number): string | undefined {
  try {
    using program = kernel.programById(id);
    return readManifest(kernel, kernel.programInfo(program.number))?.manifest.chain;
  } catch {
    return undefined;
  }
}

function programName(kernel: Kernel, id: number): string {
  try {
    const program = kernel.programById(id);
    try {
      return kernel.programInfo(program.number).name || "without a name";
    } finally {
      program.close();
    }
  } catch {
    return "its name cannot be read";
  }
}

/**
 * Removes somebody else's program. Between this and our own link the interface has none: the kernel has no call that turns
 * one attachment into another. Returns what puts a netlink attachment back; a detached link of somebody else cannot be.
 */
export function takeOver(
  kernel: Kernel,
  device: string,
  ifindex: number,
  report: (message: string) => void,
): { restore(): void; [Symbol.dispose](): void } {
  const hook = kernel.queryXdp(ifindex);
  const undo: (() => void)[] = [];
  const owned: Fd[] = [];
  for (const mode of MODES) {
    const id = hook[mode];
    if (id === 0) continue;
    report(
      `took ${device} over from XDP program ${id} (${programName(kernel, id)}); for an instant the interface has no program`,
    );
    if (detachLinkOf(kernel, ifindex, id)) continue;
    const program = kernel.programById(id);
    owned.push(program);
    kernel.detachXdp(ifindex, mode, program.number);
    undo.push(() => kernel.attachXdp(ifindex, program.number, mode));
  }
  return {
    restore: () => undo.splice(0).forEach((step) => step()),
    [Symbol.dispose]: () => owned.forEach((fd) => fd.close()),
  };
}

/** Whether a link held the program on the interface; then it is detached. */
function detachLinkOf(kernel: Kernel, ifindex: number, programId: number): boolean {
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
      if (info.type !== LINK_TYPE_XDP || info.ifindex !== ifindex || info.programId !== programId) continue;
      kernel.detachLink(link.number);
      return true;
    } finally {
      link.close();
    }
  }
  return false;
}

/** Errnos that are about the interface or us, not about the driver's XDP. */
const NOT_THE_MODE = ["EBUSY", "EEXIST", "EPERM", "ENODEV", "ENOMEM"];

/**
 * Puts a program on the interface. `auto` is native, and generic, said aloud, where the driver refuses.
 * @throws XdpgenError `interface-occupied`, `environment`
 */
export function createLink(
  kernel: Kernel,
  program: number,
  device: string,
  ifindex: number,
  wanted: Mode | "auto",
  report: (message: string) => void,
): { readonly link: Fd; readonly mode: Mode } {
  const first = wanted === "auto" ? "native" : wanted;
  try {
    return { link: kernel.linkXdp(program, ifindex, first), mode: first };
  } catch (error) {
    if (isErrno(error, "EBUSY", "EEXIST")) requireFree(kernel, device, ifindex);
    if (!(error instanceof KernelError) || isErrno(error, ...NOT_THE_MODE)) throw error;
    if (wanted !== "auto") {
      const next =
        wanted === "native" ? "say `mode: generic`, which works everywhere and is slower" : "see its documentation";
      throw new XdpgenError(
        "environment",
        `${device} refuses XDP in ${wanted} mode (${error.errnoName}); nothing was changed: ${next}`,
        { cause: error },
      );
    }
    const link = kernel.linkXdp(program, ifindex, "generic");
    report(
      `${device} refuses XDP in native mode (${error.errnoName}): attached in generic mode, which is slower; ` +
        "`mode: native` in chain.yaml would have made this an error",
    );
    return { link, mode: "generic" };
  }
}
