/** A process that runs each command line that it is told, as JSON on a line of standard input, and prints what came of it. */
import { createInterface } from "node:readline";
import { run } from "./run.ts";

process.stdout.write("ready\n");
for await (const line of createInterface(process.stdin))
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as string[]))}\n`);
