/** Takes back what a failed swap has pinned, made and moved. */
import { mkdirSync, renameSync, rmdirSync } from "node:fs";
import { basename } from "node:path";
import type { Kernel } from "../machine/kernel.ts";
import { removeTree, unpin } from "./pins.ts";

/** Pins and folders made or removed so far. `undo` takes that back, the last step first. */
export interface Journal {
  /** In the attachment's folder, which is ours: `undo` removes it with all that is in it. */
  makeDir(path: string): void;
  pin(fd: number, path: string): void;
  /** Removes the pin of what `fd` is too; `fd` must be open until the swap is done. */
  unpin(fd: number, path: string): void;
  /** Into a folder that is made for them. */
  move(paths: readonly string[], into: string): void;
  /** Goes on when a step fails; returns what each that failed had to say. */
  undo(): readonly string[];
}

export function openJournal(kernel: Kernel): Journal {
  const undo: (() => void)[] = [];
  return {
    makeDir(path) {
      const first = mkdirSync(path, { recursive: true, mode: 0o700 });
      if (first !== undefined) undo.push(() => removeTree(first));
    },
    pin(fd, path) {
      kernel.pin(fd, path);
      undo.push(() => unpin(path));
    },
    unpin(fd, path) {
      unpin(path);
      undo.push(() => kernel.pin(fd, path));
    },
    move(paths, into) {
      mkdirSync(into, { mode: 0o700 });
      undo.push(() => rmdirSync(into));
      for (const path of paths) {
        const moved = `${into}/${basename(path)}`;
        renameSync(path, moved);
        undo.push(() => renameSync(moved, path));
      }
    },
    undo() {
      return undo
        .splice(0)
        .toReversed()
        .flatMap((step) => {
          try {
            step();
            return [];
          } catch (error) {
            return [(error as Error).message];
          }
        });
    },
  };
}
