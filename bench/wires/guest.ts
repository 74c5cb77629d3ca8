/** What a section runs in the virtual machine: itself, here. Prints one line of JSON, a `Report`. */
import { here } from "./experiment.ts";
import { EXPERIMENTS } from "./index.ts";

const name = process.argv[2]!;
const report = await here(EXPERIMENTS[name]!, {
  smoke: process.argv.includes("--smoke"),
  quick: process.argv.includes("--quick"),
  kernel: undefined,
  updateBaseline: false,
  progress: (what) => void process.stderr.write(`${what}\n`),
});
console.log(JSON.stringify(report));
