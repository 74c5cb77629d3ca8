/**
 * The reference model: what a chain means, said once more in a few lines and without the plan. A packet walks from program
 * to program; the dispatcher's bytes, interpreted and in the kernel, must agree for every linkage.
 */
import { ACTIONS, type Action, type Chain, type Edge, type Program } from "../../src/chain/chain.ts";

/** Priorities are declared, since the model opens no object; so is what a program proceeds on, if not `[pass]`. */
export type ModelProgram = Pick<Program, "name" | "priority" | "proceedOn" | "on" | "group">;

export interface ModelChain extends Pick<Chain, "end" | "groups"> {
  /** In order of declaration. */
  readonly programs: readonly ModelProgram[];
}

export interface Outcome {
  /** Names of the programs that ran, in order. */
  readonly path: readonly string[];
  readonly verdict: number;
}

/** @param codes what each program returns, by name */
export function runModel(chain: ModelChain, codes: ReadonlyMap<string, number>): Outcome {
  const line = (group: string | undefined): readonly ModelProgram[] =>
    chain.programs
      .filter((p) => p.group === group && p.priority !== "none")
      .toSorted((a, b) => Number(a.priority) - Number(b.priority));
  const path: string[] = [];
  let kept: number | undefined;
  let program = line(undefined)[0]!;
  for (;;) {
    path.push(program.name);
    const code = codes.get(program.name)!;
    let edge = edgeFor(program, code);
    let keep = typeof edge === "object" && edge.keep !== undefined;
    if (edge === "next" || (typeof edge === "object" && edge.to === "next")) {
      const mates = program.priority === "none" ? [program] : line(program.group);
      const next = mates[mates.indexOf(program) + 1];
      edge = next ? { to: next.name } : behind(chain, program);
      keep ||= typeof edge === "object" && edge.keep !== undefined;
    }
    if (edge === "return") return { path, verdict: code === 31 ? (kept ?? 2) : code };
    if (edge === "return kept") return { path, verdict: kept ?? (code === 31 ? 2 : code) };
    if (typeof edge === "string" && edge.startsWith("return ")) {
      return { path, verdict: ACTIONS.indexOf(edge.slice(7) as Action) };
    }
    const name = typeof edge === "string" ? edge : edge.to;
    if (code !== 31 && keep) kept = code;
    program = chain.programs.find((p) => p.name === name) ?? line(name)[0]!;
  }
}

function edgeFor(program: ModelProgram, code: number): Edge {
  if (code === 31) return "next";
  const action = ACTIONS[code];
  if (action === undefined) return "return";
  if (program.on) return program.on[action] ?? program.on.default ?? "return";
  return (program.proceedOn ?? ["pass"]).includes(action) ? "next" : "return";
}

function behind(chain: ModelChain, program: ModelProgram): Edge {
  if (program.priority === "none") return "return";
  if (program.group !== undefined) return chain.groups![program.group]!.end ?? "return";
  return chain.end === "verdict" ? "return" : `return ${chain.end}`;
}

/** How often each program that ran returned what: a dispatcher's counters must agree. */
export function countModel(
  outcomes: readonly { readonly path: Outcome["path"]; readonly codes: ReadonlyMap<string, number> }[],
  programs: readonly string[],
): ReadonlyMap<string, Readonly<Record<string, number>>> {
  const none = { aborted: 0, drop: 0, pass: 0, tx: 0, redirect: 0, "no-verdict": 0, other: 0 };
  const counts = new Map(programs.map((name) => [name, { ...none }]));
  for (const { path, codes } of outcomes) {
    for (const name of path) {
      const code = codes.get(name)!;
      counts.get(name)![ACTIONS[code] ?? (code === 31 ? "no-verdict" : "other")]++;
    }
  }
  return counts;
}
