/**
 * The library. Everything that the command line does is here.
 *
 *     const chain = await loadChain("chain.yaml");
 *     const image = synthesise(chain); // pure: instructions, BTF, ELF, manifest
 *     await using live = await attach(chain, "eth0"); // or `open("eth0")` for what already runs
 *     await live.update(chain.with({ name: "ratelimit", object: "rl.bpf.o", priority: 5 }));
 *     await live.update(chain.without("denylist"));
 *
 * A chain that is attached runs on when the process ends: its pins are in /sys/fs/bpf/xdpgen. `detach` removes it.
 */
export {
  type Action,
  ACTIONS,
  type Chain,
  type Edge,
  type Edges,
  editable,
  type EditableChain,
  type GlobalValue,
  type Group,
  type Linkage,
  LINKAGES,
  type Mode,
  MODES,
  parseChain,
  type Program,
  requireChain,
  withoutProgram,
  withProgram,
} from "./chain/index.ts";
export {
  type DispatcherImage,
  formatEdge,
  formatPlan,
  type Manifest,
  type ManifestProgram,
  type Outcome,
  type Plan,
  type PlanNode,
  planToDot,
  type ResolvedProgram,
  type Slot,
  synthesise,
  type SynthesiseOptions,
  type Target,
} from "./codegen/index.ts";
export { type Diagnostic, formatDiagnostics, Mistakes } from "./diagnostic.ts";
export { nearest } from "./nearest.ts";
export { type ErrorCode, XdpgenError } from "./errors.ts";
export {
  attach,
  type Attachment,
  type AttachmentStatus,
  type AttachOptions,
  clearDefunct,
  detach,
  type DetachResult,
  doctor,
  type DoctorEntry,
  type DoctorReport,
  explainAuto,
  type FreplaceSupport,
  freplaceSupport,
  isErrno,
  type Kernel,
  KernelError,
  type LiveLine,
  type LiveProgram,
  loadChain,
  type Machine,
  type MapHandle,
  type MapStatus,
  open,
  openKernel,
  openMap,
  type ProgramStatus,
  readLiveProgram,
  requireInterface,
  resolveChain,
  status,
  type StatusReport,
  type SwapOptions,
  type SwapResult,
  type TestRunOptions,
  type TestRunResult,
  thisMachine,
} from "./loader/index.ts";
