/** Checks as lines: how each came out, what differs where one failed, and the counts. */
import type { CheckOutcome } from "../../loader/index.ts";
import { formatFailures } from "../../loader/text.ts";
import type { Style } from "./style.ts";

export function renderChecks(chain: string, outcomes: readonly CheckOutcome[], paint: Style): string {
  const lines = outcomes.map((outcome) => {
    const { name, frames, failures, skipped } = outcome;
    const amount = `${frames} frame${frames === 1 ? "" : "s"}`;
    if (skipped !== undefined) return `${paint.yellow("skipped")}  ${name}: ${skipped}`;
    if (failures.length === 0) return `${paint.green("passed")}   ${name}, ${amount}`;
    const below = formatFailures(outcome).replaceAll(/^/gm, "    ");
    return `${paint.red("failed")}   ${name}, ${failures.length} of ${amount}\n${below}`;
  });
  const skipped = outcomes.filter((outcome) => outcome.skipped !== undefined).length;
  const failed = outcomes.filter(({ failures }) => failures.length > 0).length;
  const counts = [
    `${outcomes.length - failed - skipped} passed`,
    `${failed} failed`,
    ...(skipped ? [`${skipped} skipped`] : []),
  ];
  const summary = outcomes.length === 0 ? "no checks: list them under `checks:`" : counts.join(", ");
  return `${[...lines, `chain ${chain}: ${summary}`].join("\n")}\n`;
}
