/** A program of a live chain, as a report shows it: what its manifest says, and what the kernel and bpffs have of it. */
import type { Counts, ManifestProgram } from "../../codegen/index.ts";
import { openIfPinned, type Pinnable } from "../live/pins.ts";
import { list, MAP_FOLDERS, mapsDir, programPin, slotPin } from "../live/store.ts";
import { publicPath } from "../machine/bpffs.ts";
import type { Kernel, ProgramInfo } from "../machine/kernel.ts";
import { programInSlot } from "../swap/replacement.ts";

export interface MapStatus {
  /** As pinned: a C name, or `section-bss`. */
  readonly name: string;
  readonly id: number;
  /** Path in bpffs. */
  readonly pin: string;
  /** The program whose map it is by the chain's word; absent for its own. */
  readonly from?: string;
  /** The path at which the chain wants it pinned. */
  readonly pinned?: string;
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

export function liveFigures(kernel: Kernel, program: number, info: ProgramInfo): LiveFigures {
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

export interface ProgramStatus extends ManifestProgram {
  /** 1 sees each packet. Edges lead to later programs. */
  readonly order: number;
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

/**
 * @param order 1 sees each packet
 * @returns with what the kernel says of its extension, where it has one
 */
export function programStatus(
  kernel: Kernel,
  dir: string,
  generation: number,
  program: ManifestProgram,
  order: number,
): { readonly status: ProgramStatus; readonly extension: ProgramInfo | undefined } {
  const own = ownProgram(kernel, dir, generation, program);
  const maps = MAP_FOLDERS.flatMap((folder) => {
    const path = mapsDir(dir, program, folder);
    return list(path).flatMap((name): MapStatus[] => {
      const file = `${path}/${name}`;
      const info = withPin(kernel, file, "map", (fd) => kernel.mapInfo(fd));
      return info ? [{ name, id: info.id, pin: publicPath(file), ...homeOf(program, name) }] : [];
    });
  });
  const status = {
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
  return { status, extension: program.linkage === "freplace" ? own : undefined };
}

function homeOf({ name, homes }: ManifestProgram, map: string): Pick<MapStatus, "from" | "pinned"> {
  const { program = name, pin } = homes?.[map] ?? {};
  return { ...(program !== name && { from: program }), ...(pin !== undefined && { pinned: pin }) };
}

/** The program behind a slot that is a program of its own. */
function ownProgram(kernel: Kernel, dir: string, generation: number, program: ManifestProgram): Known | undefined {
  switch (program.linkage) {
    case "freplace":
      return (
        inSlot(kernel, slotPin(dir, generation, program.name)) ??
        withPin(kernel, programPin(dir, program), "program", (fd) => known(kernel, fd))
      );
    case "tail": {
      const id = programInSlot(kernel, dir, generation, program.name);
      return id === undefined ? undefined : programById(kernel, id);
    }
    case "call":
    case "inline":
      return undefined;
  }
}

type Known = ProgramInfo & { readonly figures: LiveFigures };

function known(kernel: Kernel, program: number): Known {
  const info = kernel.programInfo(program);
  return { ...info, figures: liveFigures(kernel, program, info) };
}

/** @param pin of the link of a slot, or of the program of one that the verifier has removed */
const inSlot = (kernel: Kernel, pin: string): Known | undefined =>
  withPin(kernel, pin, "link", (fd) => programById(kernel, kernel.linkInfo(fd).programId)) ??
  withPin(kernel, pin, "program", (fd) => known(kernel, fd));

function programById(kernel: Kernel, id: number): Known {
  using program = kernel.programById(id);
  return known(kernel, program.number);
}

/** Undefined where there is no such pin. */
function withPin<T>(kernel: Kernel, path: string, kind: Pinnable, read: (fd: number) => T): T | undefined {
  using pinned = openIfPinned(kernel, path, kind);
  return pinned && read(pinned.number);
}
