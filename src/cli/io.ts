/** What a command may touch of the world around it, so that it can run in a test. */
import { createReadStream, readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { XdpgenError } from "../errors.ts";
import { nearest } from "../nearest.ts";
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
  /** The whole of a file, or of standard input for `-`. */
  readonly readInput: (path: string) => Promise<Uint8Array>;
  /** The same in pieces, as they come. */
  readonly openInput: (path: string) => AsyncIterable<Uint8Array>;
  /** Aborted when one of the two streams takes no more: what is begun is finished in silence, and nothing more is begun. */
  readonly unheard: AbortSignal;
  /**
   * From this call until it is disposed, Ctrl-C, `kill` and a terminal that goes away cancel instead of ending the process; a
   * second one ends it.
   */
  readonly interruptible: () => Interruptible;
  readonly library: Library;
}

export interface Interruptible extends Disposable {
  /** Its reason is an `Interrupt`. */
  readonly signal: AbortSignal;
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Why a command was cancelled. */
export class Interrupt extends Error {
  readonly signal: keyof typeof SIGNALS;

  constructor(signal: keyof typeof SIGNALS) {
    super(signal);
    this.name = "Interrupt";
    this.signal = signal;
  }

  /** What a shell calls a process that this signal has ended. */
  get exitStatus(): number {
    return 128 + SIGNALS[this.signal];
  }
}

/**
 * Ends the process as `main` says: with an exit status or, after an interrupt, by that signal. So a shell that runs it in a loop
 * ends the loop.
 */
export function end(status: number): void {
  // A stream that failed has set one already.
  if (status !== 0 || process.exitCode === undefined) process.exitCode = status;
  const signal = Object.entries(SIGNALS).find(([, number]) => status === 128 + number)?.[0];
  if (signal !== undefined) process.kill(process.pid, signal);
}

/** The path that means standard input. */
export const STDIN = "-";

/** What messages call an input. */
export const inputName = (path: string): string => (path === STDIN ? "<stdin>" : path);

/** Where a line ends when nobody says how wide it may be; some terminals say 0. */
const COLUMNS = 80;

export function processIo(): Io {
  const streams = (opened ??= openStreams());
  return {
    ...streams,
    env: process.env,
    now: () => new Date(),
    writeFile: writeWithFolders,
    readInput,
    openInput: (path) => openInput(path, streams.unheard),
    interruptible,
    library,
  };
}

type Streams = Pick<Io, "out" | "err" | "unheard">;

/** Those of the process are listened to once. */
let opened: Streams | undefined;

function openStreams(): Streams {
  const unheard = new AbortController();
  const stream = (of: NodeJS.WriteStream, failed: (error: NodeJS.ErrnoException) => void): Stream => {
    let open = true;
    of.on("error", (error) => {
      if (!open) return;
      open = false;
      failed(error);
      unheard.abort();
    });
    return {
      write: (data) => void (open && of.write(data)),
      isTerminal: of.isTTY === true,
      columns: of.columns || COLUMNS,
    };
  };
  // Nobody is left who could be told.
  const err = stream(process.stderr, () => {});
  const out = stream(process.stdout, (error) => {
    // A reader that has seen enough (`xdpgen status | head -1`) is no error.
    if (error.code === "EPIPE") return;
    const { message, exitStatus } = unwritable(error);
    err.write(`error: ${message}\n`);
    process.exitCode = exitStatus;
  });
  return { out, err, unheard: unheard.signal };
}

function interruptible(): Interruptible {
  const controller = new AbortController();
  const handlers = (Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]).map((signal) => {
    const handler = (): void => {
      dispose();
      controller.abort(new Interrupt(signal));
    };
    process.once(signal, handler);
    return () => void process.removeListener(signal, handler);
  });
  const dispose = (): void => handlers.splice(0).forEach((remove) => remove());
  return { signal: controller.signal, [Symbol.dispose]: dispose };
}

/** What to say when standard output takes no more. */
function unwritable(cause: Error): XdpgenError {
  return new XdpgenError(
    "environment",
    `cannot write to standard output: ${cause.message}; make room there, or send the output elsewhere`,
    { cause },
  );
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

async function readInput(path: string): Promise<Uint8Array> {
  try {
    return path === STDIN ? await readStdin() : await readFile(path);
  } catch (cause) {
    throw new XdpgenError("file-unreadable", `${inputName(path)} ${whyUnreadable(path, cause)}`, { cause });
  }
}

/** @param unheard ends it as if the input did: what is read is for nobody then */
async function* openInput(path: string, unheard: AbortSignal): AsyncGenerator<Uint8Array> {
  const input = path === STDIN ? process.stdin : createReadStream(path);
  const stop = (): void => void input.destroy();
  unheard.addEventListener("abort", stop);
  try {
    for await (const part of input) yield part as Uint8Array;
  } catch (cause) {
    if (unheard.aborted) return;
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    throw new XdpgenError("file-unreadable", `${inputName(path)} ${whyUnreadable(path, cause)}`, { cause });
  } finally {
    unheard.removeEventListener("abort", stop);
  }
}

async function readStdin(): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of process.stdin) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}

function whyUnreadable(path: string, cause: unknown): string {
  switch ((cause as NodeJS.ErrnoException).code) {
    case "ENOENT": {
      const near = neighbour(path);
      return `does not exist${near ? `; did you mean ${near}?` : ""}`;
    }
    case "EISDIR":
      return "is a directory, not a file: name the file in it";
    case "EACCES":
    case "EPERM":
      return "may not be read by this user: check its permissions";
    case undefined:
    default:
      return `cannot be read: ${(cause as Error).message}`;
  }
}

function neighbour(path: string): string | undefined {
  try {
    const name = nearest(basename(path), readdirSync(dirname(path)));
    return name && (dirname(path) === "." ? name : join(dirname(path), name));
  } catch {
    return undefined;
  }
}
