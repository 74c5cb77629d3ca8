/**
 * A traffic source: millions of frames per second out of one interface, by bpf/traffic.bpf.c under BPF_PROG_TEST_RUN
 * with live frames; where the kernel has none, a tenth of that as packets, by test/bpf/clone.bpf.c. Either way the
 * receiving end needs native XDP.
 *
 * One sender at a time feeds each receive queue, in batches of 64, into an interface that is up and has an XDP program. On a
 * busy machine the ring between the two ends can be full all the same; such frames never reached the other end, and are not
 * among those sent. What was sent and is not counted there is lost.
 */
import type { Kernel } from "../../src/loader/machine/kernel.ts";
import { has } from "./kernel-differences.ts";
import { Sample } from "./samples.ts";
import { droppedBy } from "./veth.ts";

export interface Traffic extends Disposable {
  /**
   * Sends `count` copies of `frame` (14 to about 3,500 bytes, from the Ethernet header on); resolves to the frames that went
   * into the ring, when the last has left. Copies share memory: what a receiver writes into one may show in a later one, so
   * send such receivers only frames for which that is no matter.
   */
  send(frame: Uint8Array, count: number): Promise<number>;
  /** Frames that went into the ring so far. */
  sent(): number;
}

/** The interface is looked up in this process's network namespace. */
export function traffic(kernel: Kernel, interfaceName: string): Traffic {
  const ifindex = kernel.interfaceIndex(interfaceName);
  if (ifindex === 0) throw new Error(`no interface ${interfaceName} in this network namespace`);
  const liveFrames = has("live frames");
  const sample = new Sample(kernel, liveFrames ? "traffic" : "clone", { traffic_ifindex: ifindex });
  const droppedBefore = droppedBy(interfaceName);
  const sent = (): number => sample.count("traffic_sent") - (droppedBy(interfaceName) - droppedBefore);
  return {
    async send(frame, count) {
      const before = sent();
      const live = liveFrames ? { liveFrames, batchSize: 64 } : {};
      await kernel.testRun(sample.fd(), { data: frame, repeat: count, ...live });
      return sent() - before;
    },
    sent,
    [Symbol.dispose]: () => sample[Symbol.dispose](),
  };
}
