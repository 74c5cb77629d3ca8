/**
 * What is fetched once and kept between runs: outside the checkout, shared by all checkouts of one user.
 *
 * In: a kind (`kernels`, `llvm`), and how to make one entry out of a suite's packages. Out: a folder, whole or not there.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { openApt } from "./apt.ts";
import type { PrivateApt } from "./apt.ts";
import { ScriptFailure } from "./failure.ts";

/** The folder of one kind of things; it need not exist. */
export function cacheFolder(kind: string): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base !== undefined && base.startsWith("/") ? base : join(homedir(), ".cache"), "xdpgen", kind);
}

function makeAside(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true });
    return mkdtempSync(join(folder, ".new-"));
  } catch (error) {
    const reason = (error as Error).message;
    throw new ScriptFailure(
      `cannot write to the cache, ${folder} (${reason}): set XDG_CACHE_HOME to a folder of yours`,
    );
  }
}

/** How one entry is fetched. */
export type Fetch = {
  /** For the line that says it: `LLVM`, `Debian's 6.1 kernel`. */
  readonly what: string;
  /** Debian's suites in the order to try. */
  readonly suites: readonly string[];
  readonly say: (line: string) => void;
  /** Fills an empty folder with the packages of one suite, and returns the entry's name. */
  readonly make: (apt: PrivateApt, target: string) => Promise<string>;
};

/**
 * Makes an entry of the cache out of the first suite that has it. It is made aside and renamed into place when it is whole,
 * so that neither an interruption nor a second run at the same time can spoil the cache.
 *
 * @returns the entry's path
 * @throws ScriptFailure when no suite of this machine's mirror has it, saying what each answered
 */
export async function fetchInto(folder: string, { what, suites, say, make }: Fetch): Promise<string> {
  const aside = makeAside(folder);
  const abandon = (): void => rmSync(aside, { recursive: true, force: true });
  process.once("exit", abandon);
  const refusals: string[] = [];
  try {
    for (const suite of suites) {
      const scratch = join(aside, suite);
      const made = join(aside, `${suite}-made`);
      mkdirSync(scratch);
      mkdirSync(made);
      say(`fetching ${what} from ${suite}, once`);
      try {
        const target = join(folder, await make(await openApt(scratch, suite), made));
        try {
          renameSync(made, target);
        } catch (error) {
          if (!existsSync(target)) throw error;
        }
        return target;
      } catch (error) {
        if (!(error instanceof ScriptFailure) || error.status === 2) throw error;
        refusals.push(error.message);
      }
    }
  } finally {
    abandon();
    process.off("exit", abandon);
  }
  throw new ScriptFailure(`${what} could not be fetched; the cache is as it was\n${refusals.join("\n")}`);
}
