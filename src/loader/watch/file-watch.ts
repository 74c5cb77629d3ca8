/**
 * Tells when files have changed, in whatever way: written in place, renamed over, behind a symbolic link that leads elsewhere
 * now, in a folder that was removed and made again, there for the first time.
 *
 * Not the files are watched, since one that is replaced takes its watch along, but the names that the way to each passes
 * through, in their folders (inotify). An event only says when to look: what has changed is told by the files themselves. So
 * nothing is missed where inotify is silent, as on network file systems: there it is seen a little later.
 */
import { type FSWatcher, lstatSync, readlinkSync, statSync, watch } from "node:fs";
import { dirname, join, resolve } from "node:path";

export interface FileWatchOptions {
  /** Milliseconds in which no file may change, so that what is seen is no half of a change; default 200. */
  readonly quiet?: number;
  /** Milliseconds after which files are looked at without an event; default 5000. */
  readonly rescan?: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

export interface FileWatch extends Disposable {
  /** Watches these files from now on. What has changed of those that were watched before is still told. */
  follow(paths: readonly string[]): void;
  /**
   * Waits until a file is not as it was at the last answer of true, and the files are quiet.
   * @param within milliseconds; default for ever
   * @returns false where nothing changed within that time, or the signal came
   */
  changed(within?: number): Promise<boolean>;
}

const QUIET_MS = 200;
const RESCAN_MS = 5000;

/** What each file is, by its path. */
type Stamps = ReadonlyMap<string, string>;

export function fileWatch({ quiet = QUIET_MS, rescan = RESCAN_MS, signal }: FileWatchOptions = {}): FileWatch {
  let wake: (() => void) | undefined;
  const folders = watchedFolders(() => wake?.());
  let seen: Stamps = new Map();

  /** Folders first: what changes after them comes with an event. */
  const look = (): Stamps => {
    const paths = [...seen.keys()];
    folders.follow(paths);
    return stampsOf(paths);
  };

  const pause = (milliseconds: number, untilEvent: boolean): Promise<void> =>
    new Promise((resolved) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        wake = undefined;
        resolved();
      };
      const timer = setTimeout(done, milliseconds);
      signal?.addEventListener("abort", done);
      if (untilEvent) wake = done;
    });

  /** The files when none has changed for a while. */
  const settled = async (first: Stamps): Promise<Stamps> => {
    for (let before = first; ;) {
      await pause(quiet, false);
      const now = look();
      if (signal?.aborted || isSame(now, before)) return now;
      before = now;
    }
  };

  return {
    follow(paths) {
      folders.follow(paths);
      seen = new Map([...stampsOf(paths), ...[...seen].filter(([path]) => paths.includes(path))]);
    },
    async changed(within = Infinity) {
      const deadline = performance.now() + within;
      for (;;) {
        const first = look();
        const now = isSame(first, seen) ? seen : await settled(first);
        if (signal?.aborted) return false;
        // An editor may take a file away and put it back.
        if (!isSame(now, seen)) {
          seen = now;
          return true;
        }
        const left = deadline - performance.now();
        if (left <= 0) return false;
        await pause(Math.min(rescan, left, LONGEST_TIMER_MS), true);
      }
    },
    [Symbol.dispose]: () => folders[Symbol.dispose](),
  };
}

interface WatchedFolder {
  readonly watcher: FSWatcher;
  /** Of the folder that is watched; another may be in its place by now. */
  readonly identity: string;
}

/** Watches of all folders on the ways to some files; `tell` is called for the names on those ways only. */
function watchedFolders(tell: () => void): Disposable & { follow(paths: readonly string[]): void } {
  const watched = new Map<string, WatchedFolder>();
  let names: ReadonlySet<string> = new Set();
  const drop = (path: string): void => {
    watched.get(path)?.watcher.close();
    watched.delete(path);
  };
  const add = (path: string): void => {
    const identity = identityOf(path);
    if (identity === undefined) return;
    try {
      const watcher = watch(path, (_, name) => {
        if (name === null || names.has(join(path, name))) tell();
      });
      watcher.on("error", tell);
      watched.set(path, { watcher, identity });
    } catch {
      // It has just gone, may not be read, or there are no more watches: the files are looked at from time to time.
    }
  };
  return {
    follow(paths) {
      const ways = paths.flatMap(wayTo);
      names = new Set(ways);
      const wanted = new Set(ways.map((way) => dirname(way)));
      for (const [path, { identity }] of watched) {
        if (!wanted.has(path) || identityOf(path) !== identity) drop(path);
      }
      for (const path of wanted) if (!watched.has(path)) add(path);
    },
    [Symbol.dispose]: () => [...watched.keys()].forEach(drop),
  };
}

/** As many as the kernel follows (include/linux/namei.h, MAXSYMLINKS). */
const MOST_LINKS = 40;
/** Node's own: a longer one ends at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Every name that looking a path up passes through, in its real folder, until one is missing. */
function wayTo(path: string): readonly string[] {
  const way: string[] = [];
  let at = "/";
  let links = 0;
  const rest = resolve(path).split("/");
  while (rest.length > 0) {
    const name = rest.shift()!;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const here = join(at, name);
    way.push(here);
    try {
      if (!lstatSync(here).isSymbolicLink()) {
        at = here;
        continue;
      }
      if (++links > MOST_LINKS) break;
      const target = readlinkSync(here);
      if (target.startsWith("/")) at = "/";
      rest.unshift(...target.split("/"));
    } catch {
      break;
    }
  }
  return way;
}

function identityOf(folder: string): string | undefined {
  try {
    const { dev, ino } = statSync(folder, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function stampsOf(paths: readonly string[]): Stamps {
  return new Map(paths.map((path) => [path, stampOf(path)]));
}

function stampOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(":");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "";
  }
}

function isSame(a: Stamps, b: Stamps): boolean {
  return [...a].every(([path, stamp]) => b.get(path) === stamp);
}
