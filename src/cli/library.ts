/**
 * What the commands ask of the library. Each command loads only what it needs: `--help` and `build` work where libbpf is
 * missing. Tests put a fake in its place.
 */
import type { Chain } from "../chain/index.ts";
import type { DispatcherImage, Plan, SynthesiseOptions, Warning } from "../codegen/index.ts";
import type {
  AttachmentStatus,
  ChainVersion,
  CheckOutcome,
  DetachOptions,
  DetachResult,
  DoctorReport,
  LiveProgram,
  Preview,
  PreviewOptions,
  RollbackOptions,
  RollbackResult,
  SwapListener,
  SwapOptions,
  SwapResult,
  TestOptions,
  Tracer,
  VerifiedImage,
  WatchOptions,
} from "../loader/index.ts";

export interface Library {
  loadChain(path: string): Promise<Chain>;
  /** The chain now, and again whenever its files change, until the signal comes. */
  watchChain(path: string, options: WatchOptions): AsyncIterable<ChainVersion>;
  synthesise(chain: Chain, options: SynthesiseOptions): Promise<DispatcherImage>;
  /** What this machine's verifier says of an image; nothing stays loaded. */
  verifyImage(image: DispatcherImage): Promise<VerifiedImage>;
  /** The chain's graph, and nothing that the kernel could have a limit for. */
  planChain(chain: Chain): Promise<Plan>;
  /** What `apply` would do; changes nothing. */
  preview(chain: Chain, devices: readonly string[], options: PreviewOptions): Promise<readonly Preview[]>;
  /** All of the interfaces, or none. */
  apply(chain: Chain, devices: readonly string[], options: SwapOptions): Promise<readonly SwapResult[]>;
  status(device?: string): Promise<readonly AttachmentStatus[]>;
  rollback(device: string, options: RollbackOptions): Promise<RollbackResult>;
  detach(device: string, options: DetachOptions): Promise<DetachResult>;
  /** Clears what removed interfaces have left; how many there were. */
  clearDefunct(events: SwapListener): Promise<number>;
  /** @throws XdpgenError `interface-missing` where one of them does not exist */
  requireInterfaces(devices: readonly string[]): Promise<void>;
  /** @throws XdpgenError `interface-missing` */
  interfaceIndex(device: string): Promise<number>;
  /** The chain beside what runs, to see what packets do in it. */
  openTracer(chain: Chain): Promise<Tracer>;
  doctor(): Promise<DoctorReport>;
  /** How the checks of a chain come out. */
  testChain(chain: Chain, options: TestOptions): Promise<readonly CheckOutcome[]>;
  /** What of a chain may not be meant. */
  lint(chain: Chain): Promise<readonly Warning[]>;
  /** Why linkage `auto` is what it is on this machine; a clause. */
  autoReason(): Promise<string>;
  /** A program in the kernel, as the verifier left it. */
  readLiveProgram(id: number): Promise<LiveProgram>;
}

export const library: Library = {
  async loadChain(path) {
    const { loadChain } = await import("../loader/index.ts");
    return loadChain(path);
  },
  async *watchChain(path, options) {
    const { watchChain } = await import("../loader/index.ts");
    yield* watchChain(path, options);
  },
  async synthesise(chain, options) {
    const { synthesise } = await import("../codegen/index.ts");
    return synthesise(chain, options);
  },
  async verifyImage(image) {
    const { verifyImage } = await import("../loader/index.ts");
    return verifyImage(image);
  },
  async planChain(chain) {
    const { planChain } = await import("../codegen/index.ts");
    return planChain(chain);
  },
  async preview(chain, devices, options) {
    const { previewAll } = await import("../loader/index.ts");
    return previewAll(chain, devices, options);
  },
  async apply(chain, devices, options) {
    const { attachAll } = await import("../loader/index.ts");
    await using attachments = await attachAll(chain, devices, options);
    return attachments.results!;
  },
  async status(device) {
    const { status } = await import("../loader/index.ts");
    return status(device);
  },
  async rollback(device, options) {
    const { rollback } = await import("../loader/index.ts");
    return rollback(device, options);
  },
  async detach(device, options) {
    const { detach } = await import("../loader/index.ts");
    return detach(device, options);
  },
  async clearDefunct(events) {
    const { clearDefunct } = await import("../loader/index.ts");
    return clearDefunct({ events });
  },
  async requireInterfaces(devices) {
    const { openKernel, requireInterface } = await import("../loader/index.ts");
    const kernel = openKernel();
    for (const device of devices) requireInterface(kernel, device);
  },
  async interfaceIndex(device) {
    const { openKernel, requireInterface } = await import("../loader/index.ts");
    return requireInterface(openKernel(), device);
  },
  async openTracer(chain) {
    const { openTracer } = await import("../loader/index.ts");
    return openTracer(chain);
  },
  async doctor() {
    const { doctor } = await import("../loader/index.ts");
    return doctor();
  },
  async testChain(chain, options) {
    const { testChain } = await import("../loader/index.ts");
    return testChain(chain, options);
  },
  async lint(chain) {
    const { lintChain } = await import("../codegen/index.ts");
    return lintChain(chain);
  },
  async autoReason() {
    const { explainAuto } = await import("../loader/index.ts");
    return explainAuto();
  },
  async readLiveProgram(id) {
    const { readLiveProgram } = await import("../loader/index.ts");
    return readLiveProgram(id);
  },
};
