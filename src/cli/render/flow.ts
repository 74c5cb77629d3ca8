/**
 * The flow of a linear chain as a picture in text.
 *
 *     packet
 *       │
 *       ▼
 *     denylist ──▶ return aborted, drop, tx, redirect
 *       │ pass
 *       ▼
 *     counter ───▶ return its own verdict
 */
import { ACTIONS, type Action } from "../../chain/index.ts";
import type { Style } from "./style.ts";

export interface FlowProgram {
  readonly name: string;
  readonly proceedOn: readonly Action[];
}

/** Lines without line feeds, for programs in the order in which they run. */
export function renderFlow(programs: readonly FlowProgram[], end: "verdict" | Action, paint: Style): readonly string[] {
  const widest = Math.max(...programs.map(({ name }) => name.length));
  const exit = (name: string, verdict: string): string =>
    `${paint.bold(name)} ${paint.dim(`${"─".repeat(widest - name.length + 2)}▶`)} return ${verdict}`;
  const down = (label: string): string[] => [`  ${paint.dim("│")}${label && ` ${label}`}`, `  ${paint.dim("▼")}`];
  const lines = ["packet", ...down("")];
  for (const [index, { name, proceedOn }] of programs.entries()) {
    const stops = ACTIONS.filter((action) => !proceedOn.includes(action));
    if (index < programs.length - 1) {
      lines.push(stops.length === 0 ? paint.bold(name) : exit(name, stops.join(", ")));
      lines.push(...down(proceedOn.length === ACTIONS.length ? "any action" : proceedOn.join(", ")));
    } else if (end === "verdict") {
      lines.push(exit(name, "its verdict"));
    } else {
      if (stops.length > 0) lines.push(exit(name, stops.join(", ")));
      else lines.push(paint.bold(name));
      lines.push(...down(proceedOn.join(", ")), `return ${end}`);
    }
  }
  return lines;
}
