/** Interfaces of this process's network namespace, by name. */
import { readFileSync, statSync } from "node:fs";
import { XdpgenError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { type Kernel, KernelError } from "./kernel.ts";

/** That of the calling thread: threads may differ. */
export const OWN_NAMESPACE = "/proc/thread-self/ns/net";

/** Inode of the network namespace; together with an ifindex it names an interface on this machine. */
export function networkNamespace(): number {
  return statSync(OWN_NAMESPACE).ino;
}

/** /proc/net/dev and not /sys/class/net: sysfs shows the namespace of whoever mounted it. */
export function interfaceNames(): readonly string[] {
  return readFileSync("/proc/self/net/dev", "utf8")
    .split("\n")
    .slice(2)
    .map((line) => line.slice(0, line.indexOf(":")).trim())
    .filter((name) => name !== "");
}

/** IFNAMSIZ without its final zero (include/uapi/linux/if.h): what a call that takes a name takes, in bytes. */
const MAX_NAME = 15;

/**
 * The interface's index.
 * @throws XdpgenError `interface-missing` with the nearest right name, `usage` for no name at all, `kernel`
 */
export function requireInterface(kernel: Kernel, device: string): number {
  if (device === "") {
    const names = interfaceNames().join(", ");
    throw new XdpgenError("usage", `the name given for an interface is empty: name one of ${names}`);
  }
  const index = indexOf(kernel, device);
  if (index !== 0) return index;
  const names = interfaceNames();
  const hint = nearest(device, names);
  throw new XdpgenError(
    "interface-missing",
    `there is no interface ${device} in this network namespace, which has ${names.join(", ")}` +
      (hint ? `; did you mean ${hint}?` : "") +
      (Buffer.byteLength(device) > MAX_NAME ? `; ${ALTERNATIVE}` : ""),
  );
}

const ALTERNATIVE =
  `a name of more than ${MAX_NAME} bytes can only be an alternative one, which xdpgen does not look up: use the interface's own, ` +
  "which `ip link show` prints first";

function indexOf(kernel: Kernel, device: string): number {
  try {
    return kernel.interfaceIndex(device);
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    throw new XdpgenError("kernel", `cannot look for interface ${device}: ${cause.message}`, { cause });
  }
}

/** What a failure before the swap has done. */
export const NOTHING_CHANGED = "nothing was changed";

/** An interface that was looked up: it keeps its index, while its name may change and be given to another. */
export interface Interface {
  readonly device: string;
  readonly ifindex: number;
}

/**
 * The same interface, by the name that it has now.
 * @param after what the attempt has done, in a clause
 * @throws XdpgenError `interface-missing` where it is gone
 */
export function interfaceNow(kernel: Kernel, { device, ifindex }: Interface, after?: string): Interface {
  const name = kernel.interfaceName(ifindex);
  if (name === undefined) throw interfaceGone(device, undefined, after);
  return { device: name, ifindex };
}

/** What the same interface is called by now; where it is gone, what it was. A name that still leads to it stays, an alternative one too. */
export function nameNow(kernel: Kernel, { device, ifindex }: Interface): string {
  try {
    if (kernel.interfaceIndex(device) === ifindex) return device;
    return kernel.interfaceName(ifindex) ?? device;
  } catch {
    // It is asked for messages, and where something has failed already.
    return device;
  }
}

/**
 * After a wait: its index may have been given to another meanwhile, and a caller who gave a name means the interface of that name.
 * That it is gone shows later.
 * @throws XdpgenError `conflict` where another name has the index now
 */
export function requireSame(kernel: Kernel, { device, ifindex }: Interface): void {
  const name = kernel.interfaceName(ifindex);
  // The name that was given may be an alternative one.
  if (name === undefined || name === device || indexOf(kernel, device) === ifindex) return;
  throw new XdpgenError(
    "conflict",
    `interface ${ifindex} was ${device} when this began, and is ${name} now; ${NOTHING_CHANGED}: look at both, and try again`,
  );
}

/** An interface that was there when the command began. */
export function interfaceGone(device: string, cause?: unknown, after: string = NOTHING_CHANGED): XdpgenError {
  return new XdpgenError("interface-missing", `interface ${device} went away; ${after}`, { cause });
}
