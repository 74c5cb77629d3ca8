/** What a command may touch of the world around it, so that it can run in a test. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { XdpgenError } from "../errors.ts";
import { type Library, library } from "./library.ts";

export interface Stream {
  write(data: string | Uint8Array): void;
  readonly isTerminal: boolean;
  /** Characters in a line. */
  readonly columns: number;
}

export interface Io {
  readonly out: Stream;
  readonly err: Stream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** Makes the folders above the file. */
  readonly writeFile: (path: string, data: string | Uint8Array) => Promise<void>;
  readonly library: Library;
}

/** Where a line ends when nobody says how wide it may be; some terminals say 0. */
const COLUMNS = 80;

export function processIo(): Io {
  const stream = (of: NodeJS.WriteStream): Stream => ({
    write: (data) => void of.write(data),
    isTerminal: of.isTTY === true,
    columns: of.columns || COLUMNS,
  });
  return {
    out: stream(process.stdout),
    err: stream(process.stderr),
    env: process.env,
    now: () => new Date(),
    writeFile: writeWithFolders,
    library,
  };
}

async function writeWithFolders(path: string, data: string | Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, data);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new XdpgenError("usage", `cannot write ${path}: ${reason}; name another place with --output`, { cause });
  }
}
