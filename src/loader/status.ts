/** What runs, as a person wants to see it: read from the kernel, changed by nothing. */
import { existsSync, readFileSync } from "node:fs";
import type { Action, Edge, Linkage, Mode } from "../chain/chain.ts";
import type { Counts, ManifestProgram } from "../codegen/index.ts";
import { findBpffs, publicPath } from "./bpffs.ts";
import { countsOf } from "./counters.ts";
import { openKernel } from "./ffi/index.ts";
import { interfaceName, networkNamespace, requireInterface } from "./interface.ts";
import type { Kernel, ProgramInfo } from "./kernel.ts";
import { isErrno } from "./kernel.ts";
import { readLive } from "./live.ts";
import type { Machine } from "./machine.ts";
import { programInSlot } from "./replacement.ts";
import { requirePrivilege } from "./privilege.ts";
import { sharers } from "./sharing.ts";
import { attachmentDir, list, listAttachments, MAP_FOLDERS, mapsDir, programPin } from "./store.ts";

export interface MapStatus {
  /** As pinned: a C name, or `section-bss`. */
  readonly name: string;
  readonly id: number;
  /** Path in bpffs. */
  readonly pin: string;
}

/**
 * What the kernel keeps of a loaded program (`struct bpf_prog_info`, include/uapi/linux/bpf.h). How long the verifier took and
 * how much stack the functions have it says when the program is loaded, and then no more: see `SwapResult`.
 */
export interface LiveFigures {
  /** Instructions that the verifier walked, of a million at most; left out before Linux 5.16, which does not count for us. */
  readonly verifiedInstructions?: number;
  /** Functions, the main one with them, of 256. What the verifier found never called is gone. */
  readonly functions: number;
  /** Maps that the code uses, of 64; and the read-only data of its object, which libbpf binds to it: the manifest is such. */
  readonly maps: number;
  /** Bytes of the instructions as the verifier left them. */
  readonly translatedBytes: number;
  /** Bytes of machine code, of all functions together; 0 where the program is interpreted. */
  readonly jitedBytes: number;
  /** Bytes that the kernel holds for the program beside its machine code, in whole pages (`memlock` of its fdinfo). */
  readonly memoryBytes: number;
}

export interface ProgramStatus {
  /** 1 sees each packet. Edges lead to later programs. */
  readonly order: number;
  readonly name: string;
  /** Neither it nor a function is known of a program that was loaded already. */
  readonly object?: string;
  readonly function?: string;
  readonly priority: number | "none";
  /** Where actions lead, and 31 (`no-verdict`), in the words of chain.yaml. What is not named is `return`. */
  readonly edges: Readonly<Partial<Record<Action | "no-verdict", Edge>>>;
  readonly linkage: Linkage;
  /** Why it is not the linkage that was preferred; a clause. */
  readonly because?: string;
  readonly hash: string;
  /** `freplace` and `tail`: a linked program is part of the dispatcher. */
  readonly id?: number;
  readonly tag?: string;
  /** `tail`: the loaded program's name in the kernel; absent where its slot is empty, and returns 31. */
  readonly loaded?: string;
  /** Of a program that has an id of its own. */
  readonly figures?: LiveFigures;
  readonly maps: readonly MapStatus[];
  /** With `counters: true`: how often the program returned what since the dispatcher was loaded, on all CPUs together. */
  readonly counts?: Counts;
}

export interface AttachmentStatus {
  /** Undefined when the interface is gone or was moved. */
  readonly interface?: string;
  readonly ifindex: number;
  readonly chain: string;
  readonly end: "verdict" | Action;
  /** Undefined where the link is not on the interface. */
  readonly mode?: Mode;
  readonly generation: number;
  /** When the dispatcher was loaded. */
  readonly since: Date;
  /** The interface was removed, or somebody detached the link: the chain runs no more. */
  readonly defunct: boolean;
  /** The chain runs on an interface that was moved to another network namespace; `ifindex` is what it had in this one. */
  readonly moved: boolean;
  readonly dispatcher: {
    readonly id: number;
    readonly tag: string;
    readonly name: string;
    /** With all that is linked in. */
    readonly figures: LiveFigures;
  };
  /** Other interfaces of this network namespace that run the same dispatcher: its maps and counts are theirs too. */
  readonly sharedWith: readonly string[];
  /** In the order in which they run. */
  readonly programs: readonly ProgramStatus[];
}

/** All attachments of this network namespace, or the one of an interface. */
export type StatusReport = readonly AttachmentStatus[];

/**
 * @param device only this interface; the report is empty where xdpgen has nothing on it
 * @throws XdpgenError `environment` without privilege, `interface-missing`
 */
export function status(device?: string, machine: Machine | undefined = readableMachine()): StatusReport {
  if (!machine) return [];
  const { kernel, root, netns } = machine;
  const only = device === undefined ? undefined : requireInterface(kernel, device);
  return listAttachments(root)
    .filter((a) => a.netns === netns && (only === undefined || a.ifindex === only))
    .flatMap((a) => attachmentStatus(machine, a.ifindex) ?? [])
    .filter((a) => only === undefined || !a.moved)
    .toSorted((a, b) => a.ifindex - b.ifindex);
}

/** Reading needs privilege, and mounts nothing: undefined where there is no bpffs, so nothing can be attached. */
function readableMachine(): Machine | undefined {
  requirePrivilege("read what runs");
  const kernel = openKernel();
  const bpffs = findBpffs();
  return bpffs === undefined ? undefined : { kernel, root: `${bpffs}/xdpgen`, netns: networkNamespace() };
}

export function attachmentStatus(machine: Machine, ifindex: number): AttachmentStatus | undefined {
  const { kernel } = machine;
  const dir = attachmentDir(machine, ifindex);
  using live = readLive(kernel, dir, ifindex);
  if (!live) return undefined;
  const { place, identity } = live;
  const { id, tag, name, loadTime } = live.programInfo;
  const { programs, counters } = identity.manifest;
  const counts = counters && countsOf(kernel, live.programInfo, programs.length);
  const moved = place.kind === "elsewhere";
  const device = moved ? undefined : interfaceName(kernel, ifindex);
  return {
    ...(device === undefined ? {} : { interface: device }),
    ifindex,
    chain: identity.manifest.chain,
    end: identity.manifest.end,
    ...(place.kind === "here" ? { mode: place.mode } : {}),
    generation: identity.generation,
    since: sinceBoot(loadTime),
    defunct: place.kind === "nowhere",
    moved,
    dispatcher: { id, tag, name, figures: liveFigures(kernel, live.program.number, live.programInfo) },
    sharedWith: sharers(machine, ifindex, id).map((other) => interfaceName(kernel, other) ?? `interface ${other}`),
    programs: programs.map((program, index) => ({
      ...programStatus(kernel, dir, identity.generation, program, index + 1),
      ...(counts && { counts: counts[index]! }),
    })),
  };
}

function liveFigures(kernel: Kernel, program: number, info: ProgramInfo): LiveFigures {
  const { verifiedInstructions, functions, mapIds, translatedBytes, jitedBytes } = info;
  return {
    ...(verifiedInstructions > 0 && { verifiedInstructions }),
    functions,
    maps: mapIds.length,
    translatedBytes,
    jitedBytes,
    memoryBytes: kernel.programMemory(program),
  };
}

function programStatus(
  kernel: Kernel,
  dir: string,
  generation: number,
  program: ManifestProgram,
  order: number,
): ProgramStatus {
  const own = ownProgram(kernel, dir, generation, program);
  const maps = MAP_FOLDERS.flatMap((folder) => {
    const path = mapsDir(dir, program, folder);
    return list(path).flatMap((name): MapStatus[] => {
      const file = `${path}/${name}`;
      const info = withPin(kernel, file, (fd) => kernel.mapInfo(fd));
      return info ? [{ name, id: info.id, pin: publicPath(file) }] : [];
    });
  });
  return {
    order,
    ...program,
    ...(own && {
      id: own.id,
      tag: own.tag,
      ...(program.linkage === "tail" && { loaded: own.name }),
      figures: own.figures,
    }),
    maps: maps.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** The program behind a slot that is a program of its own. */
function ownProgram(
  kernel: Kernel,
  dir: string,
  generation: number,
  program: ManifestProgram,
): (ProgramInfo & { readonly figures: LiveFigures }) | undefined {
  const known = (fd: number) => {
    const info = kernel.programInfo(fd);
    return { ...info, figures: liveFigures(kernel, fd, info) };
  };
  switch (program.linkage) {
    case "freplace": {
      const pin = programPin(dir, program);
      return existsSync(pin) ? withPin(kernel, pin, known) : undefined;
    }
    case "tail": {
      const id = programInSlot(kernel, dir, generation, program.name);
      if (id === undefined) return undefined;
      return unlessGone(() => {
        using loaded = kernel.programById(id);
        return known(loaded.number);
      });
    }
    case "call":
    case "inline":
      return undefined;
  }
}

/** A swap may take a pin away while we read. */
function withPin<T>(kernel: Kernel, path: string, read: (fd: number) => T): T | undefined {
  return unlessGone(() => {
    using fd = kernel.openPin(path);
    return read(fd.number);
  });
}

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** The kernel counts load times from boot, suspended time included; `btime` is the boot in whole seconds, and stands still. */
function sinceBoot(nanoseconds: bigint): Date {
  const boot = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]);
  return new Date(boot * 1000 + Number(nanoseconds / 1_000_000n));
}
