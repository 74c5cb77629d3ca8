/** What a run may leave behind: BPF objects of this machine with the memory that the kernel charges for them, pins, and fds. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readlinkSync } from "node:fs";

/** By what they are. Sums would hide one that stays behind another that somebody else took away. */
export interface Held {
  /** Programs, maps and links, such as `program xdp counter`. */
  readonly loaded: Readonly<Record<string, Loaded>>;
  /** Below the attachment's folder. */
  readonly pins: number;
  /** Of this process, such as `anon_inode:bpf-map`, `pipe`, or the path of a file. */
  readonly fds: Readonly<Record<string, number>>;
}

export interface Loaded {
  readonly count: number;
  /** As bpftool has them (`bytes_memlock`). Links have none. */
  readonly bytes: number;
}

/** What `bpftool` calls them. */
const KINDS = { prog: "program", map: "map", link: "link" } as const;

interface Shown {
  readonly type: string;
  readonly name?: string;
  readonly bytes_memlock?: number;
}

/** @param folder of the attachment, in bpffs */
export function held(folder: string): Held {
  const loaded: Record<string, Loaded> = {};
  for (const [word, kind] of Object.entries(KINDS)) {
    const shown = JSON.parse(execFileSync("bpftool", ["-j", word, "show"], TEXT) || "[]") as readonly Shown[];
    for (const { type, name = "", bytes_memlock = 0 } of shown) {
      const what = `${kind} ${type} ${name}`.trimEnd();
      const { count, bytes } = loaded[what] ?? { count: 0, bytes: 0 };
      loaded[what] = { count: count + 1, bytes: bytes + bytes_memlock };
    }
  }
  const pins = existsSync(folder) ? readdirSync(folder, { recursive: true }).length : 0;
  return { loaded, pins, fds: openFds() };
}

/** Of this process, by what they are of. */
export function openFds(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const fd of readdirSync("/proc/self/fd")) {
    const what = target(fd);
    if (what !== undefined) counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

/** What an fd is of: `pipe:[42]` and `net:[42]` without their numbers. */
function target(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).replace(/^(\w+):\[\d+\]$/, "$1");
  } catch {
    return undefined; // the fd with which the folder was read
  }
}

/** What there is more of than before, a sentence each. */
export function leftovers(before: Held, after: Held): readonly string[] {
  const found: string[] = [];
  for (const [what, { count, bytes }] of Object.entries(after.loaded)) {
    const had = before.loaded[what] ?? { count: 0, bytes: 0 };
    const tool = `bpftool ${Object.entries(KINDS).find(([, kind]) => what.startsWith(kind))![0]} show`;
    if (count > had.count) found.push(`${what}: ${had.count} before, ${count} after; look who holds it with ${tool}`);
    else if (bytes > had.bytes)
      found.push(`${what}: ${had.bytes} bytes locked before, ${bytes} after; compare bytes_memlock of ${tool}`);
  }
  if (after.pins > before.pins)
    found.push(
      `pins: ${before.pins} before, ${after.pins} after; look at what the last deeds left in the attachment's folder`,
    );
  for (const [what, count] of Object.entries(after.fds)) {
    const had = before.fds[what] ?? 0;
    if (count > had)
      found.push(`fds of ${what}: ${had} before, ${count} after; look at who opens one and does not close it`);
  }
  return found;
}

const TEXT = { encoding: "utf8", maxBuffer: 1 << 28 } as const;
