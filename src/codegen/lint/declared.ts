/** Rules about what is written: edges that no packet takes, words that say what is said already, a linkage that costs. */
import { ACTIONS, type Action, actionCode, type Chain, type Edge, type Program } from "../../chain/chain.ts";
import { canReturn } from "../object/returns.ts";
import type { Fact } from "./facts.ts";
import type { Warning } from "./warning.ts";

export function declaredWarnings(chain: Chain, facts: readonly Fact[]): readonly Warning[] {
  const byPlace = facts.toSorted((a, b) => a.declared - b.declared);
  return chain.programs.flatMap((program, index) => [
    ...edgeWarnings(program, index, byPlace[index]!),
    ...(["before", "after"] as const).flatMap((key) => orderWarnings(chain, index, key)),
    ...loopWarnings(chain, index, byPlace[index]!),
  ]);
}

function edgeWarnings({ name, on = {} }: Program, index: number, { codes }: Fact): readonly Warning[] {
  const comes = (action: Action): boolean => canReturn(codes, actionCode(action), actionCode(action));
  const named = ACTIONS.filter((action) => on[action] !== undefined);
  const warnings = named.flatMap((action): Warning[] => {
    const at = { path: ["programs", index, "on", action], at: "key" } as const;
    if (!comes(action)) {
      const message = `program \`${name}\` cannot return ${action}: its code shows all that it returns`;
      return [{ code: "edge-never-taken", ...at, message, hint: "take this edge out" }];
    }
    if (on.default === undefined || !equal(on[action]!, on.default)) return [];
    return [
      { code: "edge-says-default", ...at, message: `\`${action}\` leads where \`default\` leads`, hint: "keep one" },
    ];
  });
  if (on.default === undefined) return warnings;
  const left = ACTIONS.filter((action) => !named.includes(action));
  if (left.some(comes)) return warnings;
  const why = left.length === 0 ? "every action is named" : `program \`${name}\` returns only what is named`;
  const message = `\`default\` is never taken: ${why}`;
  const at = { path: ["programs", index, "on", "default"], at: "key" } as const;
  return [...warnings, { code: "edge-never-taken", ...at, message, hint: "take this edge out" }];
}

/** Under `auto` a program moves where the verifier has too much to walk; a declared linkage stays. */
function loopWarnings({ linkage }: Chain, index: number, { program, loops }: Fact): readonly Warning[] {
  const own = program.linkage !== undefined && program.linkage !== "auto" ? program.linkage : undefined;
  if (!loops || (own ?? linkage) !== "inline") return [];
  const at = { path: ["programs", index, own === undefined ? "name" : "linkage"], at: "value" } as const;
  const message = `program \`${program.name}\` has a loop and is inlined: the verifier walks it on every way that leads there`;
  return [
    {
      code: "inlined-loop",
      ...at,
      message,
      hint: "`linkage: auto` with `prefer: speed` calls it where that is too much",
    },
  ];
}

function equal(a: Edge, b: Edge): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** A constraint between declared priorities, which it must agree with anyway, or one that was said before. */
function orderWarnings(chain: Chain, index: number, key: "before" | "after"): readonly Warning[] {
  const { programs } = chain;
  const program = programs[index]!;
  return (program[key] ?? []).flatMap((name, item): Warning[] => {
    const other = programs.findIndex((p) => p.name === name);
    const { priority } = programs[other]!;
    const path = ["programs", index, key, item];
    const warn = (why: string): Warning[] => {
      const message = `\`${program.name}\` ${key} \`${name}\` says nothing new: ${why}`;
      return [{ code: "order-says-nothing", path, at: "value", message, hint: "take it out" }];
    };
    if (program.priority !== undefined && priority !== undefined && program.priority !== priority)
      return warn(`their priorities are ${program.priority} and ${priority}`);
    if (program[key]!.indexOf(name) < item) return warn("it is in the list twice");
    const back = key === "before" ? "after" : "before";
    // Of two that say the same, the later one is the one too many.
    if (other < index && programs[other]![back]?.includes(program.name))
      return warn(`\`${name}\` has \`${back}: ${program.name}\``);
    return [];
  });
}
