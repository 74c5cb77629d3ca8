/** Rules about the graph: what can happen to a packet on its way that nobody may have meant. */
import { ACTIONS, type Action } from "../../chain/chain.ts";
import type { Target } from "../plan/plan.ts";
import { behind, endings, type Fact, states, step } from "./facts.ts";
import type { Warning } from "./warning.ts";

export function flowWarnings(facts: readonly Fact[]): readonly Warning[] {
  const runs = behind(facts, 0);
  const some = facts.filter((_, index) => runs.has(index));
  return [...idle(facts, runs), ...unused(some, facts), ...replaced(some, facts), ...undone(facts)];
}

/**
 * Programs that do not run, or not on purpose: 31 from a program of which any code can come is no way that was meant, one
 * from a program whose code shows a 31 is.
 */
function idle(facts: readonly Fact[], runs: ReadonlySet<number>): readonly Warning[] {
  const meant = facts.map(({ codes, ways, ...rest }): Fact => {
    const kept = ways.filter(([outcome]) => outcome !== "no-verdict" || codes !== "any");
    return { ...rest, codes, ways: kept };
  });
  const onPurpose = behind(meant, 0);
  return facts.flatMap((fact, index): Warning[] => {
    if (onPurpose.has(index)) return [];
    const path = ["programs", fact.declared, "name"] as const;
    if (runs.has(index)) {
      const message = `program \`${fact.program.name}\` runs only after code 31, "no verdict of mine"`;
      return [{ code: "runs-on-31-only", path, at: "value", message, hint: "lead an action to it" }];
    }
    const message = `program \`${fact.program.name}\` never runs: what leads to it is never returned`;
    return [{ code: "never-runs", path, at: "value", message, hint: "lead an action to it that can come" }];
  });
}

/** A program of several possible actions which all lead to the same place, and none is the verdict or kept. */
function unused(some: readonly Fact[], facts: readonly Fact[]): readonly Warning[] {
  return some.flatMap((fact): Warning[] => {
    const targets = fact.ways.flatMap(([outcome, target]) => (isAction(outcome) ? [target] : []));
    const [first, ...others] = targets;
    if (!first || others.length === 0) return [];
    const counts = first.kind === "node" ? first.keep : /own/.test(first.verdict);
    if (counts || others.some((target) => !same(first, target))) return [];
    const where = first.kind === "node" ? `lead to \`${facts[first.node]!.program.name}\`` : `return ${first.verdict}`;
    const message = `what program \`${fact.program.name}\` returns makes no difference: all actions ${where}`;
    const hint = "a program that only looks is right here; else let an action return";
    return [{ code: "verdict-unused", path: ["programs", fact.declared, "name"], at: "value", message, hint }];
  });
}

function same(a: Target, b: Target): boolean {
  if (a.kind === "node") return b.kind === "node" && a.node === b.node && a.keep === b.keep;
  return b.kind === "return" && a.verdict === b.verdict;
}

/**
 * The target of a redirect is kept for each CPU by the last call of the helper (net/core/filter.c, bpf_redirect_info): a
 * second call changes where the first one's packet goes.
 */
function replaced(some: readonly Fact[], facts: readonly Fact[]): readonly Warning[] {
  return some.flatMap((fact): Warning[] => {
    const target = fact.ways.find(([outcome]) => outcome === "redirect")?.[1];
    if (!fact.redirects || target?.kind !== "node") return [];
    const again = [...behind(facts, target.node)].find((node) => facts[node]!.redirects);
    if (again === undefined) return [];
    const other = facts[again]!.program.name;
    const message = `REDIRECT of \`${fact.program.name}\` goes on to \`${other}\`, which redirects too: the last one counts`;
    const hint = `let REDIRECT return here, or lead it past \`${other}\``;
    return [{ code: "redirect-replaced", ...placeOf(fact, "redirect"), message, hint }];
  });
}

/** DROP that goes on without being kept, to where the chain can end with another action than drop or aborted. */
function undone(facts: readonly Fact[]): readonly Warning[] {
  const endsFrom = endings(facts);
  const found = new Map<number, ReadonlySet<Action>>();
  for (const { node, kept } of states(facts)) {
    const way = facts[node]!.ways.find(([outcome]) => outcome === "drop");
    if (!way || way[1].kind !== "node" || way[1].keep) continue;
    const ends = [...endsFrom(step(way, kept)!)].filter((action) => action !== "drop" && action !== "aborted");
    if (ends.length > 0) found.set(node, new Set([...(found.get(node) ?? []), ...ends]));
  }
  return [...found].map(([node, ends]): Warning => {
    const fact = facts[node]!;
    const how = ACTIONS.filter((action) => ends.has(action)).join(", ");
    const message = `DROP of program \`${fact.program.name}\` goes on, and the chain can end with ${how}`;
    const hint = "let DROP return, or keep it for a `return kept`";
    return { code: "drop-becomes-pass", ...placeOf(fact, "drop"), message, hint };
  });
}

function isAction(outcome: string): boolean {
  return (ACTIONS as readonly string[]).includes(outcome);
}

/** Where a chain says where an action of a program leads. */
function placeOf({ declared, program: { on, proceedOn } }: Fact, action: Action): Pick<Warning, "path" | "at"> {
  const at: Warning["path"] = ["programs", declared];
  if (on) return { path: [...at, "on", on[action] === undefined ? "default" : action], at: "value" };
  // Without either the object says so, and the program's name stands for it.
  return { path: [...at, proceedOn ? "proceed-on" : "name"], at: "value" };
}
