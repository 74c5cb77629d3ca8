/**
 * The process in which one target runs, batch after batch, so that whoever started it survives a hang, a crash and memory
 * without bound. In, by messages: a `Batch`. Out: an `Answer` to each.
 */
import { loadTarget } from "./targets.ts";

export interface Batch {
  readonly seed: number;
  readonly cases: number;
}

/** How many cases were checked, or what failed. */
export type Answer = { readonly cases: number } | { readonly failure: string };

const [name, folder] = process.argv.slice(2) as [string, string];

async function answer({ seed, cases }: Batch): Promise<Answer> {
  try {
    const target = await loadTarget(name, folder);
    return { cases: await target.run(seed, cases) };
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on("message", (batch: Batch) => void answer(batch).then((result) => process.send!(result)));
process.once("disconnect", () => process.exit());
