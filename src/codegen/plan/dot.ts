/** A plan as a Graphviz graph. The id of a return is in brackets, which no program's name can have. */
import { actionsByTarget } from "./format.ts";
import type { Plan } from "./plan.ts";

export function planToDot(plan: Plan): string {
  const quote = (text: string): string => JSON.stringify(text);
  const lines = [
    `digraph ${quote(plan.chain)} {`,
    "  rankdir=TB;",
    '  node [shape=box, style=rounded, fontname="sans-serif"];',
    '  edge [fontname="sans-serif", fontsize=10];',
    "  packet [shape=plain];",
  ];
  const returns = new Set<string>();
  const edges = [`  packet -> ${quote(plan.nodes[0]!.program.name)};`];
  for (const node of plan.nodes) {
    const { name, priority, linkage } = node.program;
    lines.push(`  ${quote(name)} [label=${quote(`${name}\npriority ${priority}, ${linkage}`)}];`);
    for (const [target, actions] of actionsByTarget(plan, node)) {
      const edge = node.edges[actions[0]!];
      const label = actions.join(", ");
      if (edge.kind === "return") {
        returns.add(target);
        edges.push(`  ${quote(name)} -> ${quote(`(${target})`)} [label=${quote(label)}];`);
      } else {
        const text = edge.keep ? `${label}\nverdict kept` : label;
        edges.push(`  ${quote(name)} -> ${quote(plan.nodes[edge.node]!.program.name)} [label=${quote(text)}];`);
      }
    }
  }
  for (const target of returns) {
    lines.push(`  ${quote(`(${target})`)} [label=${quote(target)}, shape=plain];`);
  }
  return `${[...lines, ...edges, "}"].join("\n")}\n`;
}
