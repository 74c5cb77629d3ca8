/** Follows a chain and says how many versions of it there were, a line for each, until the second. */
import { watchChain } from "../../../src/loader/index.ts";

const ended = new AbortController();
let versions = 0;
for await (const version of watchChain(process.argv[2]!, { signal: ended.signal })) {
  process.stdout.write(`${++versions} ${"error" in version ? version.error.message : version.chain.name}\n`);
  if (versions === 2) ended.abort();
}
