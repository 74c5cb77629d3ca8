/** The flow of a chain for a terminal: the picture in text of `src/codegen/plan/text.ts`, painted. */
import { ACTIONS, type Action, type Edge } from "../../chain/index.ts";
import { formatEdge, type Picture, pictureToPieces, type Piece } from "../../codegen/index.ts";
import type { Painter, Style } from "./style.ts";

/** An action that is not named ends the chain with itself. */
type Edges = Readonly<Partial<Record<Action, Edge>>>;

/** The actions that share a target, by its text, in the order of the actions' codes. */
export function edgesByTarget(edges: Edges): readonly (readonly [target: string, actions: readonly Action[]])[] {
  const targetOf = (action: Action): string => formatEdge(edges[action] ?? "return");
  const targets = [...new Set(ACTIONS.map(targetOf))];
  return targets.map((target) => [target, ACTIONS.filter((action) => targetOf(action) === target)]);
}

/** Lines without line feeds. */
export function renderFlow(picture: Picture, paint: Style): readonly string[] {
  return pictureToPieces(picture).map((pieces) => pieces.map(({ text, kind }) => painter(kind, paint)(text)).join(""));
}

function painter(kind: Piece["kind"], paint: Style): Painter {
  switch (kind) {
    case "name":
    case "kept":
      return paint.bold;
    case "line":
    case "group":
      return paint.dim;
    case "plain":
      return (text) => text;
    case "aborted":
    case "drop":
    case "pass":
    case "tx":
    case "redirect":
      return paint.actions[kind];
  }
}
