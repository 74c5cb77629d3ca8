/**
 * The loader: the only impure part. In: a chain, or its file. Out: a live dispatcher on an interface, and what the kernel says
 * of it. Only `ffi/` touches libbpf; everything else goes through the `Kernel` seam, and nothing here decides control flow.
 */
export {
  attach,
  attachAll,
  type Attachment,
  type Attachments,
  type AttachOptions,
  clearDefunct,
  detach,
  type DetachResult,
  open,
  openAll,
} from "./attachment.ts";
export { type CheckFailure, type CheckOutcome, formatFailures } from "./check-report.ts";
export { testChain, type TestOptions } from "./checks.ts";
export {
  type Change,
  type Difference,
  type EdgeChange,
  type MapForecast,
  type ProgramChanges,
  type ProgramDifference,
} from "./difference.ts";
export { doctor, type DoctorEntry, type DoctorReport, explainAuto } from "./doctor.ts";
export { SWAP_STEPS, type SwapEvent, type SwapListener, type SwapStep, type SwapWork } from "./events.ts";
export { canFreplace, type FreplaceSupport, freplaceSupport } from "./features.ts";
export { openKernel } from "./ffi/index.ts";
export { requireInterface } from "./interface.ts";
export {
  isErrno,
  type BpfObject,
  type Kernel,
  KernelError,
  type MapInfo,
  type ProgramCode,
  type ProgramInfo,
  type RawProgram,
  type TestRunOptions,
  type TestRunResult,
  type Verification,
} from "./kernel.ts";
export type { Holder } from "./lock.ts";
export { type LiveLine, type LiveProgram, readLiveProgram } from "./live-program.ts";
export { type Machine, thisMachine } from "./machine.ts";
export type { MapHandle } from "./map-handle.ts";
export { loadXdp, openMap, type PlainXdp, testRun } from "./plain-xdp.ts";
export {
  type Forgotten,
  type Occupant,
  type Present,
  preview,
  previewAll,
  type Preview,
  type PreviewOptions,
} from "./preview.ts";
export { rollback, type RollbackOptions, type RollbackResult } from "./rollback.ts";
export { loadChain, resolveChain } from "./source.ts";
export type { NamespaceStatus } from "./place-status.ts";
export type { LiveFigures, MapStatus, ProgramStatus } from "./program-status.ts";
export { type AttachmentStatus, type KeptStatus, status, type StatusReport } from "./status.ts";
export type { SwapOptions, SwapResult } from "./swap.ts";
export type { Trouble } from "./trouble.ts";
export { type ChainVersion, watchChain, type WatchOptions } from "./watch.ts";
export { openTracer, type PacketContext, type TracedPacket, type Tracer, type TraceStep } from "./trace.ts";
export type { Frame, Verified, VerifiedImage, VerifiedProgram } from "./verified.ts";
export { verifyImage } from "./verify.ts";
