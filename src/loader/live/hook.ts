/** The XDP hook of an interface: what sits on it, creating our link, taking it over from somebody else. */
import type { Mode } from "../../chain/chain.ts";
import { XdpgenError } from "../../errors.ts";
import { interfaceGone, NOTHING_CHANGED } from "../machine/interface.ts";
import { isErrno, KernelError, type Fd, type Kernel, type XdpHook } from "../machine/kernel.ts";
import type { Machine } from "../machine/machine.ts";
import { owned } from "../machine/owned.ts";
import { explain, refusal } from "./explain.ts";
import { readManifest } from "./manifest.ts";
import { linkTo } from "./whereabouts.ts";

const MODES: readonly Mode[] = ["native", "generic"];

/** @throws XdpgenError `interface-occupied`, naming the program */
export function requireFree(kernel: Kernel, device: string, ifindex: number): void {
  const occupant = occupantOf(kernel, ifindex);
  if (occupant) throw occupied(kernel, device, occupant, NOTHING_CHANGED);
}

/** A program that is on the hook. */
interface Occupant {
  readonly id: number;
  readonly mode: keyof XdpHook;
}

function occupantOf(kernel: Kernel, ifindex: number): Occupant | undefined {
  const hook = kernel.queryXdp(ifindex);
  const mode = (["native", "generic", "offloaded"] as const).find((one) => hook[one] !== 0);
  return mode && { id: hook[mode], mode };
}

/** @param after what this attempt has left, in a clause */
function occupied(kernel: Kernel, device: string, { id, mode }: Occupant, after: string): XdpgenError {
  const chain = chainOf(kernel, id);
  const whose =
    chain === undefined
      ? `which is not xdpgen's; ${after}. Detach it (\`ip link set dev ${device} xdp off\`, or its owner's ` +
        "tool), or take over with --replace"
      : `which is chain ${chain} of xdpgen, with its pins out of reach: they are in another bpffs, or were removed; ` +
        `${after}. Mount that bpffs at /sys/fs/bpf and go on with its maps, or take over with --replace, without them`;
  return new XdpgenError("interface-occupied", `${device} already runs ${named(kernel, id)} in ${mode} mode, ${whose}`);
}

const named = (kernel: Kernel, id: number): string => `XDP program ${id} (${programName(kernel, id)})`;

/** The chain of a dispatcher of xdpgen; undefined for a program of somebody else. */
function chainOf(kernel: Kernel, id: number): string | undefined {
  try {
    using program = kernel.programById(id);
    return readManifest(kernel, kernel.programInfo(program.number))?.manifest?.chain;
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

export interface Taken extends Disposable {
  /** What was taken, a sentence each. */
  readonly said: readonly string[];
  /** Puts back what was taken, once; says in a clause what the interface has now. */
  readonly restore: () => string;
}

/** One program that was on the hook. `link` says whether a link held it. */
interface Removed {
  readonly mode: Mode;
  readonly program: Fd;
  readonly what: string;
  readonly link: boolean;
}

/**
 * Removes somebody else's program. Between this and our own link the interface has none: the kernel has no call that turns
 * one attachment into another. Nor does it tell whether our link will be taken: it answers that for a free hook only. So
 * all that is removed is held until disposed, and can be put back.
 *
 * A netlink attachment comes back as it was. A link that was detached cannot: its program is attached again by netlink, so
 * that packets meet what they met before.
 *
 * @throws XdpgenError that says what was put back
 */
export function takeOver(machine: Machine, device: string, ifindex: number): Taken {
  const { kernel } = machine;
  const hook = kernel.queryXdp(ifindex);
  const removed: Removed[] = [];
  const held = owned();
  let state: string | undefined;
  const restore = (): string => (state ??= putBack(kernel, device, ifindex, removed));
  try {
    for (const mode of MODES) {
      const id = hook[mode];
      if (id === 0) continue;
      const what = named(kernel, id);
      const program = held.own(kernel.programById(id));
      removed.push({ mode, program, what, link: takeOff(machine, ifindex, mode, program.number) });
    }
  } catch (error) {
    const after = restore();
    held[Symbol.dispose]();
    throw explain(error, `take ${device} over`, device, after);
  }
  const said = removed.map(
    ({ what }) => `took ${device} over from ${what}; for an instant the interface had no program`,
  );
  return { said, restore, [Symbol.dispose]: () => held[Symbol.dispose]() };
}

const NETLINK_NAMES: Readonly<Record<Mode, string>> = { native: "xdpdrv", generic: "xdpgeneric" };

/** Attaches again what was removed, where nobody has put anything since, and says in a clause what is not as before. */
function putBack(kernel: Kernel, device: string, ifindex: number, removed: readonly Removed[]): string {
  const changed = removed.flatMap(({ mode, program, what, link }) => {
    try {
      kernel.attachXdp(ifindex, program.number, mode);
    } catch (error) {
      const other = isErrno(error, "EBUSY", "EEXIST") ? occupantOf(kernel, ifindex) : undefined;
      const why = other && `: ${named(kernel, other.id)} has its place now`;
      return [`${what} was taken off ${device} and could not be put back${why ?? ` (${(error as Error).message})`}`];
    }
    if (!link) return [];
    return [
      `${what} was taken off ${device} and put back in ${mode} mode, but not on its link, which is defunct now: ` +
        `\`ip link set dev ${device} ${NETLINK_NAMES[mode]} off\` removes it`,
    ];
  });
  return changed.join("; ") || NOTHING_CHANGED;
}

/** Whether a link held the program. Netlink takes off only what none holds, so it tells. */
function takeOff(machine: Machine, ifindex: number, mode: Mode, program: number): boolean {
  const { kernel } = machine;
  try {
    kernel.detachXdp(ifindex, mode, program);
    return false;
  } catch (error) {
    if (!isErrno(error, "EBUSY")) throw error;
    using link = linkTo(machine, ifindex, kernel.programInfo(program).id);
    if (!link) throw error;
    kernel.detachLink(link.number);
    return true;
  }
}

/** Errnos that are about the interface or us, not about the driver's XDP. */
const NOT_THE_MODE = ["EBUSY", "EEXIST", "EPERM", "ENODEV", "ENOMEM"];

/**
 * Puts a program on the interface. `auto` is native, and generic, said aloud, where the driver refuses.
 *
 * @param restore called when it fails: takes back what was done before, and says in a clause what that leaves
 * @throws XdpgenError `interface-occupied`, `environment`
 */
export function createLink(
  kernel: Kernel,
  program: number,
  device: string,
  ifindex: number,
  wanted: Mode | "auto",
  report: (message: string) => void,
  restore: () => string = () => NOTHING_CHANGED,
): { readonly link: Fd; readonly mode: Mode } {
  const causes: KernelError[] = [];
  const refusals: string[] = [];
  for (const mode of wanted === "auto" ? MODES : [wanted]) {
    let link: Fd;
    try {
      link = kernel.linkXdp(program, ifindex, mode);
    } catch (error) {
      const refused = refusedBy(kernel, device, ifindex, error, restore);
      causes.push(refused);
      refusals.push(`in ${mode} mode (${refusal(refused)})`);
      continue;
    }
    const [first] = refusals;
    if (first !== undefined)
      report(
        `${device} refuses XDP ${first}: attached in ${mode} mode, which is slower; ` +
          "`mode: native` in chain.yaml would have made this an error",
      );
    return { link, mode };
  }
  const after = restore();
  const next =
    wanted === "native" ? "say `mode: generic`, which works everywhere and is slower" : "see its documentation";
  throw new XdpgenError("environment", `${device} refuses XDP ${refusals.join(" and ")}; ${after}: ${next}`, {
    cause: causes.length > 1 ? new AggregateError(causes) : causes[0],
  });
}

/**
 * The error with which the interface refused a mode.
 * @throws what failed for another reason, as it is or explained
 */
function refusedBy(
  kernel: Kernel,
  device: string,
  ifindex: number,
  error: unknown,
  restore: () => string,
): KernelError {
  const occupant = isErrno(error, "EBUSY", "EEXIST") ? occupantOf(kernel, ifindex) : undefined;
  if (occupant) {
    const after = restore();
    throw occupied(kernel, device, occupant, after);
  }
  // net/core/dev.c, bpf_xdp_link_attach: EINVAL where there is no such interface any more, as of a driver that refuses.
  if (isErrno(error, "EINVAL") && kernel.interfaceName(ifindex) === undefined)
    throw interfaceGone(device, error, restore());
  if (!(error instanceof KernelError) || isErrno(error, ...NOT_THE_MODE)) throw error;
  return error;
}
