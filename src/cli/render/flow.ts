/**
 * The flow of a chain as a picture in text. What leads to the program below goes down, everything else to the right.
 *
 *     packet
 *       │
 *       ▼
 *     firewall ──▶ aborted, drop: return
 *              ──▶ tx: ids (verdict kept)
 *       │ pass, redirect
 *       ▼
 *     counter ───▶ any action: return
 */
import { ACTIONS, type Action, type Edge } from "../../chain/index.ts";
import { formatEdge } from "../../codegen/index.ts";
import type { Style } from "./style.ts";

/** An action that is not named ends the chain with itself. */
type Edges = Readonly<Partial<Record<Action, Edge>>>;

export interface FlowProgram {
  readonly name: string;
  readonly edges: Edges;
}

/** The actions that share a target, by its text, in the order of the actions' codes. */
export function edgesByTarget(edges: Edges): readonly (readonly [target: string, actions: readonly Action[]])[] {
  const targetOf = (action: Action): string => formatEdge(edges[action] ?? "return");
  const targets = [...new Set(ACTIONS.map(targetOf))];
  return targets.map((target) => [target, ACTIONS.filter((action) => targetOf(action) === target)]);
}

/** Lines without line feeds, for programs in the order of the plan. */
export function renderFlow(programs: readonly FlowProgram[], paint: Style): readonly string[] {
  const widest = Math.max(...programs.map(({ name }) => name.length));
  const text = (actions: readonly Action[]): string =>
    actions.length === ACTIONS.length ? "any action" : actions.join(", ");
  const lines = ["packet", `  ${paint.dim("│")}`, `  ${paint.dim("▼")}`];
  for (const [index, { name, edges }] of programs.entries()) {
    const below = programs[index + 1]?.name;
    const byTarget = edgesByTarget(edges);
    const aside = byTarget.filter(([target]) => target !== below);
    aside.forEach(([target, actions], k) => {
      const start = k === 0 ? paint.bold(name) : " ".repeat(name.length);
      lines.push(`${start} ${paint.dim(`${"─".repeat(widest - name.length + 2)}▶`)} ${text(actions)}: ${target}`);
    });
    if (aside.length === 0) lines.push(paint.bold(name));
    if (below === undefined) continue;
    const down = byTarget.find(([target]) => target === below)?.[1] ?? [];
    // Without an action only "no verdict of mine" leads down, or nothing at all.
    lines.push(
      down.length > 0 ? `  ${paint.dim("│")} ${text(down)}` : "",
      ...(down.length > 0 ? [`  ${paint.dim("▼")}`] : []),
    );
  }
  return lines;
}
