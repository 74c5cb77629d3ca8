/**
 * A picture of a chain as a Graphviz graph, in the colours of the SVG on a light page. The id of a return is in brackets,
 * which no program's name can have.
 */
import { formatEdge } from "./format.ts";
import {
  outcomeWords,
  type Picture,
  type PictureOptions,
  pictureOfPlan,
  type PictureProgram,
  type Way,
} from "./picture.ts";
import type { Plan } from "./plan.ts";
import { LIGHT } from "./svg-style.ts";

/** For `dot` and whatever else reads its language. */
export function planToDot(plan: Plan, options: PictureOptions = {}): string {
  return pictureToDot(pictureOfPlan(plan, options));
}

/** `planToDot` of a picture. */
export function pictureToDot(picture: Picture): string {
  const { chain, programs } = picture;
  const lines = [
    `digraph ${quote(chain)} {`,
    "  rankdir=TB;",
    `  node [shape=box, style="rounded,filled", fillcolor="${LIGHT.card}", color="${LIGHT.border}", fontname="sans-serif"];`,
    `  edge [color="${LIGHT.line}", fontname="sans-serif", fontsize=10];`,
    `  graph [color="${LIGHT.border}", fontname="sans-serif", fontsize=12];`,
    "  packet [shape=plain, style=solid];",
  ];
  programs.forEach((program, index) => {
    const { name, group } = program;
    const node = `${quote(name)} [label=${quote(`${name}\n${priorityOf(program)}`)}];`;
    if (group === undefined) {
      lines.push(`  ${node}`);
      return;
    }
    // A group whose programs do not all follow one another is still one box.
    if (programs.findIndex((other) => other.group === group) < index) return;
    const members = programs.filter((other) => other.group === group);
    lines.push(`  subgraph ${quote(`cluster ${group}`)} {`, `    label=${quote(group)}; style="rounded,dashed";`);
    for (const member of members) {
      lines.push(`    ${quote(member.name)} [label=${quote(`${member.name}\n${priorityOf(member)}`)}];`);
    }
    lines.push("  }");
  });
  const returns = new Set<string>();
  const edges = [`  packet -> ${quote(programs[0]!.name)};`];
  for (const { name, ways } of programs) {
    for (const way of ways) {
      const to = targetOf(picture, way);
      if (way.to.kind === "return") returns.add(to);
      const id = way.to.kind === "return" ? `(${to})` : to;
      edges.push(`  ${quote(name)} -> ${quote(id)} [${attributes(way)}];`);
    }
  }
  for (const text of returns) lines.push(`  ${quote(`(${text})`)} [label=${quote(text)}, shape=plain, style=solid];`);
  return `${[...lines, ...edges, "}"].join("\n")}\n`;
}

const quote = (text: string): string => JSON.stringify(text);

function priorityOf({ priority }: PictureProgram): string {
  return priority === "none" ? "no priority" : `priority ${priority}`;
}

function targetOf({ programs }: Picture, { to }: Way): string {
  if (to.kind === "node") return programs[to.node]!.name;
  return formatEdge(to.verdict === "own" ? "return" : `return ${to.verdict}`);
}

function attributes(way: Way): string {
  const { to } = way;
  const words = outcomeWords(way);
  const label = words.map(({ text }) => text).join(", ");
  const only = words.length === 1 ? words[0]!.action : undefined;
  const colour = only ? `, color="${LIGHT[only]}", fontcolor="${LIGHT[only]}"` : "";
  const keep = to.kind === "node" && to.keep;
  return `label=${quote(keep ? `${label}\nverdict kept` : label)}${colour}${keep ? ", style=dashed" : ""}`;
}
