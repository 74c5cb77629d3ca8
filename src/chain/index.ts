/**
 * The chain language. In comes the text of a chain.yaml or a chain made in code; out goes a checked, frozen `Chain`, or
 * every mistake in it with its place. What a chain means is the plan's affair (`codegen/plan`), and no object file is
 * opened here. No file system, no clock, no kernel.
 */
export { type Allow, type WarningCode, WARNINGS } from "./allow.ts";
export * from "./chain.ts";
export { capturesOf, type Check, type CheckFrame, framesOfCheck } from "./check.ts";
export { checkedChain, editable, type EditableChain, validateChain, withoutProgram, withProgram } from "./edit.ts";
export { type EdgeMeaning, edgeMeaning } from "./edge.ts";
export type { Health } from "./health.ts";
export type { MapHome, MapPlace } from "./map-home.ts";
export { chainJsonSchema } from "./json-schema.ts";
export type { Mistake, MistakeCode } from "./mistake.ts";
export {
  parseChain,
  type Parsed,
  type ParseOptions,
  type PlacedWarning,
  refuseChain,
  requireChain,
  warningsIn,
  writtenAt,
} from "./parse.ts";
export { type ChainDocument, chainSchema } from "./schema.ts";
export type { JsonSchema } from "./spelling.ts";
