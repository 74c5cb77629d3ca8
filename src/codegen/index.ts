/**
 * codegen: a declared chain in, the bytes of a dispatcher made for exactly that chain out.
 *
 * Pure and deterministic: no file, no clock, no kernel, no koffi. The same chain gives the same bytes on every machine.
 * What depends on the machine, such as whether it takes extension programs, comes in as an argument.
 */
export { extensionObject, type Prototype, prototypeImage } from "./dispatcher/extension.ts";
export type { ImageFigures, ProgramFigures } from "./dispatcher/figures.ts";
export type { DispatcherImage, Slot } from "./dispatcher/image.ts";
export {
  decodeManifest,
  encodeManifest,
  type Manifest,
  MANIFEST_SECTION,
  type ManifestProgram,
} from "./dispatcher/manifest.ts";
export { type Origin, originOf } from "./dispatcher/origin.ts";
export { buildDispatcher, type BuildOptions } from "./dispatcher/build.ts";
export {
  BPF_MAP_TYPE_PERCPU_ARRAY,
  COUNTERS_MAP,
  type Counts,
  countersSize,
  readCounters,
} from "./dispatcher/counters.ts";
export { readTrace, type Trace, type TraceRecord, TRACE_SECTION, traceSize } from "./dispatcher/trace.ts";
export { planChain, synthesise, type SynthesiseOptions } from "./dispatcher/synthesise.ts";
export { BPF_MAP_TYPE_PROG_ARRAY, programArray } from "./dispatcher/tail.ts";
export { lintChain } from "./lint/lint.ts";
export type { Warning } from "./lint/warning.ts";
export { LIMITS } from "./link/limits.ts";
export { programsInMaps } from "./link/program-maps.ts";
export type { Figures } from "./object/figures.ts";
export { definitionText, type MapDefinition } from "./object/map-definition.ts";
export {
  isExtension,
  isLinkedProgram,
  isTailCalled,
  type ResolvedLoaded,
  type ResolvedObject,
  type ResolvedProgram,
  resolvePrograms,
} from "./object/program.ts";
export { planToC } from "./plan/c.ts";
export { pictureToDot, planToDot } from "./plan/dot.ts";
export { actionsByTarget, formatEdge, formatEdges, formatPlan } from "./plan/format.ts";
export {
  type DrawnProgram,
  formatCount,
  groupsOf,
  type Picture,
  pictureOfPlan,
  pictureOfPrograms,
  type PictureOptions,
  type PictureProgram,
  type Shown,
  type Way,
  withCounts,
} from "./plan/picture.ts";
export type { Outcome, Plan, PlanNode, Target } from "./plan/plan.ts";
export { pictureToSvg, planToSvg } from "./plan/svg.ts";
export { type Piece, pictureToPieces, planToText } from "./plan/text.ts";
