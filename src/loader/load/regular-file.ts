/**
 * The files that a user names, read whole. Only regular ones: of a FIFO or a device nobody knows when, or whether, it ends. And pipes
 * that the shell made for this process (`<(envsubst <chain.yaml.in)`), which end with who writes them.
 */
import type { Stats } from "node:fs";
import { readFile, stat } from "node:fs/promises";

/** What is at the path can be no file of a user's. */
export class NotRegular extends Error {
  /** `a FIFO`, … */
  readonly kind: string;

  constructor(path: string, kind: string) {
    super(`${path} is ${kind}`);
    this.name = "NotRegular";
    this.kind = kind;
  }
}

/**
 * The bytes of a file, or of the one that a symbolic link leads to. It is looked at before it is opened: that may wait for ever, or
 * have a device begin something. A directory is left to the error of reading it.
 *
 * @throws NotRegular, and what Node throws
 */
export async function readRegularFile(path: string): Promise<Uint8Array> {
  const found = await stat(path);
  if (!found.isFile() && !found.isDirectory() && !(found.isFIFO() && isGiven(path)))
    throw new NotRegular(path, kindOf(found));
  return readFile(path);
}

/** Whether a path is of what is open in this process already: read once, it is gone. */
export const isGiven = (path: string): boolean => /^\/(dev\/(stdin|fd\/\d+)|proc\/self\/fd\/\d+)$/.test(path);

function kindOf(found: Stats): string {
  if (found.isFIFO()) return "a FIFO";
  if (found.isSocket()) return "a socket";
  return "a device";
}
