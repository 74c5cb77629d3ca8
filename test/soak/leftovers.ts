/** What a run may leave behind: BPF objects of this machine by kind, with the memory that the kernel charges for them. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { bpfFds } from "../kernel/cli/world.ts";

/** Of which there may be none more than before. Bytes breathe with what the programs of a chain happen to be. */
export const HELD = ["programs", "maps", "links", "pins"] as const;

export interface Held {
  readonly programs: number;
  readonly maps: number;
  readonly links: number;
  /** Bytes of programs and maps, as bpftool has them (`bytes_memlock`). */
  readonly bytes: number;
  /** BPF objects of which this process has an fd, by their kinds: `bpf-prog`, `bpf-map`, `bpf_link`, `btf`. */
  readonly fds: Readonly<Record<string, number>>;
  /** Below the attachment's folder. */
  readonly pins: number;
}

interface Shown {
  readonly bytes_memlock?: number;
}

/** @param folder of the attachment, in bpffs */
export function held(folder: string): Held {
  const [programs, maps, links] = ["prog", "map", "link"].map(
    (kind) => JSON.parse(execFileSync("bpftool", ["-j", kind, "show"], TEXT) || "[]") as readonly Shown[],
  ) as [readonly Shown[], readonly Shown[], readonly Shown[]];
  return {
    programs: programs.length,
    maps: maps.length,
    links: links.length,
    bytes: [...programs, ...maps].reduce((sum, { bytes_memlock: bytes = 0 }) => sum + bytes, 0),
    fds: countedBy(bpfFds()),
    pins: existsSync(folder) ? readdirSync(folder, { recursive: true }).length : 0,
  };
}

function countedBy(kinds: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

const TEXT = { encoding: "utf8", maxBuffer: 1 << 28 } as const;
