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
  open,
  openAll,
} from "./attachment.ts";
export type { ChangeOptions } from "./swap/locked-change.ts";
export { clearDefunct, detach, type DetachOptions, type DetachResult } from "./swap/detach.ts";
export type { CheckFailure, CheckOutcome } from "./run/check-report.ts";
export { testChain, type TestOptions } from "./run/checks.ts";
export {
  type Change,
  type Difference,
  type EdgeChange,
  type MapForecast,
  type ProgramChanges,
  type ProgramDifference,
} from "./swap/difference.ts";
export { doctor, type DoctorEntry, type DoctorReport, explainAuto } from "./report/doctor.ts";
export { SWAP_STEPS, type SwapEvent, type SwapListener, type SwapStep, type SwapWork } from "./swap/events.ts";
export { canFreplace, type FreplaceSupport, freplaceSupport } from "./machine/features.ts";
export { openKernel } from "./ffi/index.ts";
export { requireInterface } from "./machine/interface.ts";
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
} from "./machine/kernel.ts";
export type { Holder } from "./machine/lock.ts";
export { describeHolder, formatFailures } from "./text.ts";
export { type LiveLine, type LiveProgram, readLiveProgram } from "./report/live-program.ts";
export { type Machine, thisMachine } from "./machine/machine.ts";
export type { MapHandle } from "./load/map-handle.ts";
export { loadXdp, openMap, type PlainXdp, testRun } from "./run/plain-xdp.ts";
export { type Occupant, type Present } from "./report/present.ts";
export { type Forgotten, preview, previewAll, type Preview, type PreviewOptions } from "./report/preview.ts";
export { rollback, type RollbackOptions, type RollbackResult } from "./swap/rollback.ts";
export { loadChain, resolveChain } from "./load/source.ts";
export type { NamespaceStatus } from "./report/place-status.ts";
export type { LiveFigures, MapStatus, ProgramStatus } from "./report/program-status.ts";
export type { AttachmentStatus, KeptStatus } from "./report/attachment-status.ts";
export { status, type StatusReport } from "./report/status.ts";
export type { SwapOptions, SwapResult } from "./swap/swap.ts";
export type { Trouble } from "./live/trouble.ts";
export { type ChainVersion, watchChain, type WatchOptions } from "./watch/watch.ts";
export { openTracer, type PacketContext, type TracedPacket, type Tracer, type TraceStep } from "./run/trace.ts";
export type { Frame, Verified, VerifiedImage, VerifiedProgram } from "./load/verified.ts";
export { verifyImage } from "./load/verify.ts";
