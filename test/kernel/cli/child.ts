/** Runs the command lines that its one argument lists as JSON, one after the other, and prints what came of each, as JSON. */
import { type Ended, run } from "./run.ts";

const ended: Ended[] = [];
for (const argv of JSON.parse(process.argv[2]!) as string[][]) ended.push(await run(argv));
process.stdout.write(JSON.stringify(ended));
