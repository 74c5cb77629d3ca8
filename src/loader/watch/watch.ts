/**
 * The versions of a chain.yaml, as they come: the first one, and another whenever the file, or an object, a pin or a capture
 * that it names, has changed. Nothing is applied here.
 */
import { resolve } from "node:path";
import { capturesOf, type Chain, type EditableChain, parseChain } from "../../chain/index.ts";
import { planChain } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { isGiven, readRegularFile } from "../load/regular-file.ts";
import { loadChain } from "../load/source.ts";
import { reachablePath } from "../machine/bpffs.ts";
import { fileWatch, type FileWatchOptions } from "./file-watch.ts";

export interface WatchOptions extends FileWatchOptions {
  /** Milliseconds in which a bad version may be followed by a better one and is then not told; default 1000. */
  readonly patience?: number;
  /**
   * Asked when a version has been told and its receiver wants the next: milliseconds after which it is told again where no file
   * has changed by then; undefined where a change is to be waited for.
   */
  readonly retryAfter?: () => number | undefined;
}

/** A chain with its objects, or what is wrong with them. */
export type ChainVersion = ({ readonly chain: EditableChain } | { readonly error: XdpgenError }) & {
  /** It is told again, since `retryAfter` asked for it and no file has changed since. */
  readonly again?: true;
};

const PATIENCE_MS = 1000;

/**
 * Reads a chain.yaml again and again, until the signal comes.
 *
 *     for await (const version of watchChain("chain.yaml", { signal })) {
 *       if ("chain" in version) await live.update(version.chain);
 *     }
 *
 * Files that do not exist yet are waited for. A file that is written in two steps is read when it is whole: when all files have
 * been quiet for a while, and after a bad version only when no better one follows soon.
 */
export async function* watchChain(chain: string, options: WatchOptions = {}): AsyncGenerator<ChainVersion, void> {
  // From a folder that is removed and made again a relative path leads nowhere.
  const path = resolve(chain);
  const { patience = PATIENCE_MS, signal, retryAfter } = options;
  if (isGiven(path)) throw new XdpgenError("usage", `watch ${path}? It can be read once only: name a file`);
  using files = fileWatch(options);
  let named: readonly string[] = [];
  let again = false;
  for (;;) {
    // Watched before it is read: what changes meanwhile is the next version.
    files.follow([path, ...named]);
    named = (await filesOf(path)) ?? named;
    files.follow([path, ...named]);
    const version = await read(path);
    if ("error" in version && (await files.changed(patience))) {
      again = false;
      continue;
    }
    if (signal?.aborted) return;
    yield again ? { ...version, again } : version;
    const wait = retryAfter?.();
    again = !(await files.changed(wait));
    if (again && (wait === undefined || signal?.aborted)) return;
  }
}

/** The objects, pins and captures that a chain names; undefined where it cannot be read. */
async function filesOf(path: string): Promise<readonly string[] | undefined> {
  try {
    const text = new TextDecoder().decode(await readRegularFile(path));
    const { chain } = parseChain(text, { file: path });
    if (!chain) return undefined;
    const programs = chain.programs.flatMap(({ object, pinned }) => {
      return object ?? (pinned === undefined ? [] : reachablePath(pinned));
    });
    return [...programs, ...(chain.checks ?? []).flatMap(capturesOf)];
  } catch {
    return undefined;
  }
}

async function read(path: string): Promise<ChainVersion> {
  try {
    const chain = await loadChain(path);
    requireSound(chain);
    return { chain };
  } catch (error) {
    if (error instanceof XdpgenError) return { error };
    throw error;
  }
}

/** Half an object is read without an error. What a linkage does not do is left to whoever chooses it. */
function requireSound(chain: Chain): void {
  try {
    planChain({ ...chain, linkage: "freplace" });
  } catch (error) {
    if (!(error instanceof XdpgenError) || (error.code !== "object-unsupported" && error.code !== "limit")) throw error;
  }
}
