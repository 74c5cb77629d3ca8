/**
 * `npm run bench [-- --smoke] [--json]`: the numbers, measured side by side in one run. `--smoke` runs everything once and
 * briefly, to see that it works; its figures mean nothing.
 */
import { parseArgs } from "node:util";
import { benchCodegen } from "./codegen.ts";
import { benchDispatcher } from "./dispatcher.ts";
import type { Spread } from "./statistics.ts";

const { values } = parseArgs({ options: { smoke: { type: "boolean" }, json: { type: "boolean" } } });
const rounds = values.smoke ? 1 : 21;
const dispatcher = await benchDispatcher(
  values.smoke ? [1, 2] : [1, 2, 5, 10, 32],
  values.smoke ? 1000 : 200_000,
  rounds,
);
const codegen = benchCodegen(values.smoke ? [2] : [1, 10, 64, 255], rounds);

const show = ({ min, median, max }: Spread, digits: number): string =>
  `${median.toFixed(digits).padStart(8)}  (${min.toFixed(digits)} to ${max.toFixed(digits)})`;

if (values.json) {
  console.log(JSON.stringify({ dispatcher, codegen }, undefined, 2));
} else {
  console.log(`A run of a chain of programs that pass, in ns: median (minimum to maximum) of ${rounds} rounds`);
  for (const { subject, programs, nanoseconds } of dispatcher) {
    const peer = dispatcher.find((row) => row.subject === "tail calls" && row.programs === programs)!;
    const ratio = (nanoseconds.median / peer.nanoseconds.median).toFixed(2);
    console.log(
      `  ${`${programs}`.padStart(3)} by ${subject.padEnd(12)}${show(nanoseconds, 0).padEnd(28)} ${ratio} of tail calls`,
    );
  }
  console.log(`\nFrom chain to object, warm, in ms: median (minimum to maximum) of ${rounds} rounds`);
  for (const { linkage, programs, milliseconds } of codegen) {
    console.log(`  ${`${programs}`.padStart(3)} by ${linkage.padEnd(12)}${show(milliseconds, 1)}`);
  }
  console.log("\nNot measured here: real network cards, other dispatchers, more than one processor at a time.");
}
