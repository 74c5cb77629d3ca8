/**
 * The reference model: what a chain means, said once more in a few lines and without the plan. The dispatcher's bytes,
 * interpreted and in the kernel, must agree with it for every linkage.
 */
import { ACTIONS, type Action } from "../../src/chain/chain.ts";

export interface ModelProgram {
  readonly name: string;
  readonly priority: number;
  readonly proceedOn: readonly Action[];
}

export interface ModelChain {
  readonly end: "verdict" | Action;
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
  const path: string[] = [];
  let code = 0;
  for (const program of chain.programs.toSorted((a, b) => a.priority - b.priority)) {
    path.push(program.name);
    code = codes.get(program.name)!;
    const proceeds = code === 31 || program.proceedOn.some((action) => ACTIONS[code] === action);
    if (!proceeds) return { path, verdict: code };
  }
  if (chain.end !== "verdict") return { path, verdict: ACTIONS.indexOf(chain.end) };
  return { path, verdict: code === 31 ? 2 : code };
}
