/**
 * A veth pair whose receiving end has NAPI of its own whatever XDP program comes and goes (GRO on), run where it is told: as a
 * kernel thread for each queue, whose processor time can be read, or in softirqs of whoever sends.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, setPriority } from "node:os";
import { type Veth, veth } from "../../test/support/veth.ts";

export type Napi = "threaded" | "softirq";

export interface Wire extends Veth {
  readonly napi: Napi;
  /**
   * Nanoseconds that the receiver has run so far outside of its senders: its threads, or in softirqs those that the kernel has for
   * what senders leave over.
   */
  received(): number;
  /** Frames that the receiving end took out of its ring so far. */
  frames(): number;
  /** Frames that found the ring of the receiving end full so far. */
  dropped(): number;
}

const PROCESSORS = availableParallelism();
/**
 * Of senders and receivers, as nice(1) has it: before all else that runs on the machine; but behind whoever changes chains, where there is one
 * processor for all.
 */
export const PRIORITY = PROCESSORS > 1 ? -15 : 10;

/** Of the sender of a flow, and of the receiver of a queue: never the same one, where there are two. */
export const senderOf = (flow: number): number => flow % PROCESSORS;
const receiverOf = (queue: number): number => (queue + 1) % PROCESSORS;

/** @param flows as many senders, each with a queue of its own */
export function wire(name: string, flows: number, napi: Napi): Wire {
  const pair = veth(name, flows);
  try {
    for (const end of napi === "threaded" ? [pair.near, pair.far] : [pair.far])
      execFileSync("ethtool", ["-K", end, "gro", "on"]);
    const threads = napi === "threaded" ? [pair.near, pair.far].map(pinThreads)[1]! : threadsNamed("ksoftirqd/");
    return {
      ...pair,
      napi,
      received: () => threads.reduce((sum, pid) => sum + nanoseconds(pid), 0),
      frames: () => statistic(pair.far, "rx_packets"),
      dropped: () => statistic(pair.near, "tx_dropped"),
    };
  } catch (error) {
    pair[Symbol.dispose]();
    throw error;
  }
}

/** Runs the kernel threads of an end each on its processor. @returns their process ids */
function pinThreads(end: string): readonly number[] {
  writeFileSync(`/sys/class/net/${end}/threaded`, "1");
  const pids = threadsNamed(`napi/${end}-`);
  if (pids.length === 0) throw new Error(`${end} has no NAPI threads: they need a kernel from 5.12 on`);
  for (const [queue, pid] of pids.entries()) {
    execFileSync("taskset", ["-pc", `${receiverOf(queue)}`, `${pid}`]);
    setPriority(pid, PRIORITY);
  }
  return pids;
}

const threadsNamed = (prefix: string): readonly number[] =>
  readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && nameOf(entry).startsWith(prefix))
    .map(Number)
    .toSorted((a, b) => a - b);

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return "";
  }
}

/** Time on a processor (Documentation/scheduler/sched-stats.rst). */
const nanoseconds = (pid: number): number => Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]);

const statistic = (end: string, name: string): number =>
  Number(readFileSync(`/sys/class/net/${end}/statistics/${name}`, "utf8"));
