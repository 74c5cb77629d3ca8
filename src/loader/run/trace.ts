/**
 * A chain loaded beside everything that runs, to see the way of a packet through it: no interface, no pins, maps of its own.
 * All objects are linked by `call`, which is the same control flow, so that it works where extension programs are refused.
 */
import { type Chain, loadedSource, type Program } from "../../chain/chain.ts";
import {
  buildDispatcher,
  type DispatcherImage,
  planChain,
  readTrace,
  TRACE_SECTION,
  traceSize,
} from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { openKernel } from "../ffi/index.ts";
import { explain } from "../live/explain.ts";
import { loadDispatcher } from "../load/dispatcher.ts";
import { openLoaded } from "../load/loaded.ts";
import { freshMaps } from "../load/maps.ts";
import { resolveChain } from "../load/source.ts";
import type { Kernel, TestRunResult } from "../machine/kernel.ts";
import { requirePrivilege } from "../machine/privilege.ts";
import { turns } from "../turns.ts";
import { testRun } from "./test-run.ts";

/** Where a packet is said to come from. */
export interface PacketContext {
  /** Of an interface of this network namespace. Default: the loopback's. */
  readonly ifindex?: number;
  /** A receive queue of that interface. Default 0. */
  readonly queue?: number;
}

export interface TraceStep {
  /** The program's name in the chain. */
  readonly program: string;
  /** What it returned: 32 bits, unsigned. */
  readonly code: number;
  /** From the return of the program before it, or the start, to its own. What the tracing itself takes is in it. */
  readonly nanoseconds: number;
}

export interface TracedPacket {
  /** What the chain returned: 32 bits, unsigned. */
  readonly verdict: number;
  /** The programs that ran, in order. */
  readonly steps: readonly TraceStep[];
  /** The frame as the chain left it. */
  readonly data: Uint8Array;
}

export interface Tracer extends Disposable {
  /**
   * Runs one frame through the chain, when those are through that were asked for before. What the programs keep in their maps
   * stays for the next.
   *
   * @param data from the Ethernet header on
   * @throws XdpgenError `packet-invalid` for a frame, or a place that it comes from, which the kernel refuses; `kernel`;
   *   `usage` once it is disposed of
   */
  run(data: Uint8Array, context?: PacketContext): Promise<TracedPacket>;
}

/**
 * Loads a chain to trace packets with, touching nothing that runs.
 *
 * @throws XdpgenError `environment`, `program-rejected`, and what `resolveChain` and `imageToTrace` throw
 */
export async function openTracer(chain: Chain): Promise<Tracer> {
  const what = `trace packets through chain ${chain.name}`;
  try {
    requirePrivilege(what);
    return await tracerOf(openKernel(), chain);
  } catch (error) {
    throw explain(error, what, undefined);
  }
}

async function tracerOf(kernel: Kernel, chain: Chain): Promise<Tracer> {
  using loaded = openLoaded(kernel, await resolveChain(chain));
  const image = imageToTrace(loaded.chain);
  const { plan } = image;
  const dispatcher = loadDispatcher(kernel, freshMaps(kernel, image.manifest), image, 0, loaded);
  const records = dispatcher.map(TRACE_SECTION)!.fd();
  const size = traceSize(plan.nodes.length);
  const trace = async (data: Uint8Array, context: PacketContext): Promise<TracedPacket> => {
    kernel.update(records, FIRST, new Uint8Array(size));
    const { retval, dataOut } = await testRunFrom(kernel, dispatcher.program.fd(), data, context);
    const { start, records: found } = readTrace(kernel.lookup(records, FIRST, size));
    let before = start;
    const steps = plan.nodes.flatMap(({ program }, node): TraceStep[] => {
      const record = found[node];
      if (!record) return [];
      const nanoseconds = Number(record.end - before);
      before = record.end;
      return [{ program: program.name, code: record.code, nanoseconds }];
    });
    return { verdict: retval >>> 0, steps, data: dataOut };
  };
  // All runs write to one map.
  const queue = turns(`the tracer of chain ${chain.name} was disposed of`);
  return {
    run: (data, context = {}) =>
      queue.take(() =>
        trace(data, context).catch((error: unknown) => {
          throw explain(error, `trace a packet through chain ${chain.name}`, undefined);
        }),
      ),
    [Symbol.dispose]: () => queue.end(() => dispatcher[Symbol.dispose]()),
  };
}

/**
 * The dispatcher that writes down what every program does, all of them linked by `call`.
 *
 * @param chain whose objects are read
 * @throws XdpgenError what `synthesise` throws; where the programs cannot be linked together, though another linkage may
 *   bind them, it says so
 */
export function imageToTrace({ programs, ...chain }: Chain): DispatcherImage {
  const linked = programs.map((program): Program => {
    return loadedSource(program) === undefined ? { ...program, linkage: "call" } : program;
  });
  const plan = planChain({ ...chain, programs: linked });
  try {
    return buildDispatcher(plan, { trace: true });
  } catch (cause) {
    if (!(cause instanceof XdpgenError) || (cause.code !== "object-unsupported" && cause.code !== "limit")) throw cause;
    // That another linkage would do is no advice here.
    const reason = cause.message.replace(/; use `linkage: .*$/s, "");
    throw new XdpgenError(
      cause.code,
      `cannot trace packets through chain ${chain.name}, since tracing links all programs by \`call\`, whatever they ` +
        `declare: ${reason}; trace a chain of fewer, or see what the whole chain makes of a packet with a check that has ` +
        "no `path` (`xdpgen test`)",
      { cause },
    );
  }
}

/** The only key of a data section's map. */
const FIRST = new Uint8Array(4);

/**
 * One run of a program on a frame that comes from somewhere.
 * @throws XdpgenError as `testRun`
 */
export function testRunFrom(
  kernel: Kernel,
  program: number,
  data: Uint8Array,
  from: PacketContext,
): Promise<TestRunResult> {
  if (from.ifindex === undefined && from.queue === undefined) return testRun(kernel, program, { data });
  const { ifindex = LOOPBACK, queue = 0 } = from;
  return testRun(kernel, program, { data, context: xdpMd(data.length, { ifindex, queue }) }, [
    `interface ${ifindex} has no receive queue ${queue}`,
    "the kernel is older than 5.15 and lets no frame come in by a chosen one",
  ]);
}

/** `struct xdp_md` (include/uapi/linux/bpf.h): data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex. */
function xdpMd(length: number, { ifindex, queue }: Required<PacketContext>): Uint8Array {
  return new Uint8Array(Uint32Array.of(0, length, 0, ifindex, queue, 0).buffer);
}

/** Its index is the same in every network namespace (drivers/net/loopback.c). */
const LOOPBACK = 1;
