/** Edges as chain.yaml spells them, and what they say. */
import { ACTIONS, type Action, type Edge, type Edges } from "./chain.ts";

/** What an edge says, taken apart. Names are not resolved. */
export type EdgeMeaning =
  | { readonly kind: "next"; readonly keep: boolean }
  | { readonly kind: "enter"; readonly name: string; readonly keep: boolean }
  | { readonly kind: "return"; readonly verdict: "own" | "kept" | Action };

export function edgeMeaning(edge: Edge): EdgeMeaning {
  if (typeof edge !== "string") {
    const keep = edge.keep === "verdict";
    return edge.to === "next" ? { kind: "next", keep } : { kind: "enter", name: edge.to, keep };
  }
  if (edge === "next") return { kind: "next", keep: false };
  if (edge === "return") return { kind: "return", verdict: "own" };
  if (edge.startsWith("return ")) return { kind: "return", verdict: edge.slice("return ".length) as "kept" | Action };
  return { kind: "enter", name: edge, keep: false };
}

/** A list of edges has one spelling: actions by their codes, `default` last, `{to: NAME}` without `keep` as NAME. */
export function normalEdges(edges: { readonly [K in Action | "default"]?: LooseEdge | undefined }): Edges {
  const keys = [...ACTIONS, "default"] as const;
  return Object.fromEntries(keys.flatMap((key) => (edges[key] === undefined ? [] : [[key, normalEdge(edges[key])]])));
}

/** An edge whose `keep` may be there and undefined. */
export type LooseEdge = string | { readonly to: string; readonly keep?: "verdict" | undefined };

export function normalEdge(edge: LooseEdge): Edge {
  if (typeof edge === "string") return edge;
  if (edge.keep) return { to: edge.to, keep: edge.keep };
  // As a word of its own `return` is no program.
  return edge.to === "return" ? { to: edge.to } : edge.to;
}
