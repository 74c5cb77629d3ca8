/**
 * What `attach` would do, found by looking: reads the interface, its attachment and its maps, and changes nothing, makes no
 * folder and takes no lock. A swap that happens meanwhile is noticed by what it takes away, and the reading begins anew.
 */
import { existsSync } from "node:fs";
import type { Chain, Mode } from "../chain/chain.ts";
import { XdpgenError } from "../errors.ts";
import { findBpffs } from "./bpffs.ts";
import { difference, type Difference, isNone } from "./difference.ts";
import { explain } from "./explain.ts";
import { type Images, imagesOf, imageThat } from "./fit.ts";
import { openKernel } from "./ffi/index.ts";
import { requireFree } from "./hook.ts";
import { networkNamespace, requireInterface } from "./interface.ts";
import { isErrno, type Kernel } from "./kernel.ts";
import { foreignOnLink, type Identity, movedAway, type PinnedLink, readManifest, readPinned } from "./live.ts";
import type { Machine } from "./machine.ts";
import { type LoadedPrograms, openLoaded } from "./loaded.ts";
import { forecastMaps } from "./map-forecast.ts";
import { requirePrivilege } from "./privilege.ts";
import { replacedPrograms } from "./replacement.ts";
import { slotsBound } from "./recovery.ts";
import { resolveChain } from "./source.ts";
import { attachmentDir, dispatcherPin, listGenerations } from "./store.ts";
import type { SwapOptions, SwapResult } from "./swap.ts";

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
   * Where the link is that xdpgen has pinned for it. `defunct`: the interface was removed or somebody detached the link.
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

/** What `attach` would do on one interface. */
export interface Preview {
  readonly interface: string;
  readonly present: Present;
  /** The answer of `attach` if nothing changes until then. */
  readonly outcome: SwapResult["outcome"];
  /** Why `attach` would refuse, in a sentence. */
  readonly obstacle?: string;
  /** The chain that would run. */
  readonly chain: string;
  /** That would be live then. */
  readonly generation: number;
  /** `auto`: nothing is attached, and the driver has not been asked. */
  readonly mode: Mode | "auto";
  /** An extension of the live dispatcher has lost its link, and would be bound again. */
  readonly repair: boolean;
  readonly difference: Difference;
}

export interface PreviewOptions extends Pick<SwapOptions, "mode" | "linkage" | "replace"> {
  /** Where to look; default this machine. Tests give their own. */
  readonly machine?: Machine;
}

/** A swap takes pins away once; this many in one reading are not met by chance. */
const READINGS = 5;

/**
 * What `attach` with the same arguments would do. Changes nothing.
 *
 * @throws XdpgenError `environment` without privilege, `interface-missing`, `conflict` where others do not stop swapping, and
 *   what `synthesise` and `resolveChain` throw. What is in the way of `attach` is no error: see `obstacle`.
 */
export async function preview(chain: Chain, device: string, options: PreviewOptions = {}): Promise<Preview> {
  const what = `compare chain ${chain.name} with what runs on ${device}`;
  const machine = options.machine ?? readingMachine(what);
  const { kernel } = machine;
  const ifindex = requireInterface(kernel, device);
  const declared = { ...chain, mode: options.mode ?? chain.mode, linkage: options.linkage ?? chain.linkage };
  using loaded = openLoaded(kernel, await resolveChain(declared));
  const images = imagesOf(kernel, loaded.chain);
  const dir = attachmentDir(machine, ifindex);
  for (let reading = 1; ; reading++) {
    try {
      return look(kernel, dir, images, {
        device,
        ifindex,
        loaded,
        mode: declared.mode,
        replace: options.replace === true,
      });
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw explain(error, what, device);
      if (reading === READINGS) throw alwaysChanging(what, error);
    }
  }
}

/** Mounts nothing: where there is no bpffs, nothing is pinned. */
function readingMachine(what: string): Machine {
  requirePrivilege(what);
  return { kernel: openKernel(), root: `${findBpffs() ?? "/sys/fs/bpf"}/xdpgen`, netns: networkNamespace() };
}

interface Target {
  readonly device: string;
  readonly ifindex: number;
  readonly loaded: LoadedPrograms;
  readonly mode: Mode | "auto";
  readonly replace: boolean;
}

function look(kernel: Kernel, dir: string, images: Images, target: Target): Preview {
  using pinned = readPinned(kernel, dir, target.ifindex);
  const identity = pinned && (pinned.identity ?? lastGeneration(kernel, dir));
  const live = identity?.manifest;
  const image = (live && imageThat(images, (manifest) => isNone(difference(live, manifest)))) ?? images.preferred;
  const present = presentOf(kernel, target.ifindex, pinned, identity);
  const maps = forecastMaps(kernel, dir, identity?.manifest, image);
  const replaced = identity && replacedPrograms(kernel, dir, identity, target.loaded);
  const found = difference(identity?.manifest, image.manifest, maps, replaced);
  const repair = identity !== undefined && !slotsBound(dir, identity);
  const obstacle = obstacleOf(kernel, dir, pinned, target);
  const running = present.mode !== undefined && pinned?.identity !== undefined;
  const same = running && isNone(found) && !repair;
  const inPlace = running && !repair && replaced?.size === 1 && isNone(difference(live, image.manifest));
  return {
    interface: target.device,
    present,
    outcome: same ? "unchanged" : inPlace ? "replaced" : present.mode ? "swapped" : "created",
    ...(obstacle !== undefined && { obstacle }),
    chain: image.manifest.chain,
    generation: (identity?.generation ?? 0) + (same || inPlace ? 0 : 1),
    mode: present.mode ?? target.mode,
    repair,
    difference: found,
  };
}

function presentOf(
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
    link: pinned ? links[pinned.place.kind] : "none",
    ...(identity && { chain: identity.manifest.chain, generation: identity.generation }),
    ...(pinned?.place.kind === "here" && { mode: pinned.place.mode }),
    occupants,
  };
}

function describe(kernel: Kernel, id: number): Omit<Occupant, "mode"> {
  using program = kernel.programById(id);
  const info = kernel.programInfo(program.number);
  const chain = readManifest(kernel, info)?.manifest.chain;
  return { id, name: info.name, ...(chain !== undefined && { chain }) };
}

/** What ran before somebody put a program of their own on the link: a swap builds upon that (`recovery.ts`). */
function lastGeneration(kernel: Kernel, dir: string): Identity | undefined {
  const pinned = listGenerations(dir).filter((generation) => existsSync(dispatcherPin(dir, generation)));
  if (pinned.length === 0) return undefined;
  const last = Math.max(...pinned);
  using dispatcher = kernel.openPin(dispatcherPin(dir, last));
  return readManifest(kernel, kernel.programInfo(dispatcher.number));
}

/** What a swap would refuse, in its order and, where it can be asked, in its words. */
function obstacleOf(
  kernel: Kernel,
  dir: string,
  pinned: PinnedLink | undefined,
  { device, ifindex, mode, replace }: Target,
): string | undefined {
  const place = pinned?.place;
  if (pinned && !replace) {
    if (place?.kind === "here" && !pinned.identity) return foreignOnLink(pinned, dir).message;
    if (place?.kind === "elsewhere") {
      return `${movedAway(pinned, dir, ifindex)}: --replace takes it off there and attaches here`;
    }
  }
  if (place?.kind !== "here") return replace ? undefined : occupied(kernel, device, ifindex);
  if (mode === "auto" || mode === place.mode) return undefined;
  return (
    `${device} runs its chain in ${place.mode} mode, and the mode of a link cannot be changed: to change to ${mode} ` +
    "mode, run `xdpgen detach` and apply again; in between packets meet no program"
  );
}

function occupied(kernel: Kernel, device: string, ifindex: number): string | undefined {
  try {
    requireFree(kernel, device, ifindex);
    return undefined;
  } catch (error) {
    if (error instanceof XdpgenError) return error.message;
    throw error;
  }
}

function alwaysChanging(what: string, cause: unknown): XdpgenError {
  return new XdpgenError(
    "conflict",
    `cannot ${what}: it changed ${READINGS} times while it was read; try again when the other process is done`,
    { cause },
  );
}
