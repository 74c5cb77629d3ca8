/**
 * The run: a chain on one end of a veth pair, traffic into the other, and what is held before and after all deeds. The chain's
 * first program marks each frame with the number of its chain, and the last one counts those that carry another
 * (test/bpf/generation.bpf.c).
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { attach, type Attachment, openKernel, openMap, type MapHandle } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { ethernet, frame, payload } from "../../src/packets/index.ts";
import { generations, type Passed } from "../support/generations.ts";
import { random } from "../support/random.ts";
import { sumPerCpu, u32 } from "../support/samples.ts";
import { type Traffic, traffic } from "../support/traffic.ts";
import { veth } from "../support/veth.ts";
import { type Command, UsageError } from "./command-line.ts";
import { course } from "./course.ts";
import { DEEDS, loadAll, REFUSED, transactionLength } from "./deeds.ts";
import { type Held, held, leftovers } from "./leftovers.ts";
import { failuresOf, type Report } from "./report.ts";

/** Of the first call that sends. */
const FIRST_FRAMES = 10_000;
/** Of each later one. Nothing cuts it short, and before the next no frame is sent while a deed keeps this process busy. */
const CALL_SECONDS = 10;
/** Milliseconds that the kernel may take to free, a guest's at most, and from one look to the next. */
const FREED_WITHIN = 60_000;
const FREEING = 1000;

/**
 * @param say told every five seconds how far it is
 * @throws UsageError where this kernel takes no programs of the linkage that is asked for, or there is no such deed
 */
export async function soak(command: Command, say: (text: string) => void): Promise<Report> {
  if (command.deed !== undefined && !Object.hasOwn(DEEDS, command.deed))
    throw new UsageError(`--deed takes ${Object.keys(DEEDS).join(", ")}, not "${command.deed}"`);
  const refusal = command.linkage && REFUSED[command.linkage];
  if (refusal) throw new UsageError(`--linkage ${command.linkage}: not on this kernel: ${refusal}`);
  const kernel = openKernel();
  requireBpffs(kernel, () => {});
  using pair = veth("soak");
  using quiet = veth("soak-q");
  // Without a native program, frames reach the stack only where GRO is on.
  if (command.mode === "generic") execFileSync("ethtool", ["-K", pair.far, "gro", "on"]);
  using source = generations(command.linkage ?? "auto");
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-soak-"));
  let live: Attachment | undefined;
  try {
    live = await attach(source.chain(1), pair.far, { mode: command.mode });
    using sender = traffic(kernel, pair.near);
    const underTraffic = trafficBy(sender);
    // What is made once and kept, such as probed features, is made before the count.
    loadAll(source.chain);
    const own = {
      device: pair.far,
      make: source.chain,
      random: random(command.seed),
      linkage: command.linkage,
      folder,
    };
    // Under traffic, as the kills are: in a guest with one processor that makes it several times as long.
    const transaction = await underTraffic(() => transactionLength({ ...own, number: 1 }));
    await live.update(source.chain(2));
    await live.update(source.chain(3));
    // One map through all generations.
    using counts = openMap(live.status().programs.find(({ name }) => name === "last")!.maps[0]!.pin);
    const pins = live.status().pins!;
    const before = await still(pins);
    const scene = { ...own, live, other: quiet.far, transaction };
    const watch = {
      seen: () => passed(counts).seen,
      tell: (progress: string) => say(`${progress}, ${sender.sent()} frames`),
    };
    const { failures, quietSwaps, ...done } = await underTraffic(() => course(command, scene, watch));
    // As before the count, a small chain is kept beside the one that runs.
    await live.update(source.chain(2));
    await live.update(source.chain(1));
    await kernel.waitForPackets();
    const seen = {
      kernel: release(),
      seed: command.seed,
      ...done,
      refused: REFUSED,
      frames: { sent: sender.sent(), ...passed(counts), quietSwaps },
      before,
      after: await settled(pins, before),
    };
    return { ...seen, failures: [...failures, ...failuresOf(seen)] };
  } finally {
    await live?.detach();
    rmSync(folder, { recursive: true });
  }
}

/** Lets frames flow until `work` has come to its end, well or badly. A failure of either is thrown. */
type UnderTraffic = <T>(work: () => Promise<T>) => Promise<T>;

function trafficBy(sender: Traffic): UnderTraffic {
  const data = frame(ethernet(), payload(46));
  let count = FIRST_FRAMES;
  const sendUntil = async (over: AbortSignal): Promise<void> => {
    while (!over.aborted) {
      const began = performance.now();
      await sender.send(data, count);
      // In emulation a tenth of the frames take as long.
      count = Math.ceil((count * CALL_SECONDS * 1000) / (performance.now() - began));
      await setImmediate();
    }
  };
  return async (work) => {
    const over = new AbortController();
    const worked = work().finally(() => over.abort());
    const [result] = await Promise.all([worked, sendUntil(over.signal)]);
    return result;
  };
}

/** What is held when nothing goes on, and the kernel has freed what it frees a little later than the last fd is closed. */
async function still(pins: string): Promise<Held> {
  let last = held(pins);
  for (const deadline = performance.now() + FREED_WITHIN; performance.now() < deadline;) {
    await setTimeout(FREEING);
    const now = held(pins);
    if (isDeepStrictEqual(now, last)) break;
    last = now;
  }
  return last;
}

/** The same at the end, when time is given to what is more than before. */
async function settled(pins: string, before: Held): Promise<Held> {
  const deadline = performance.now() + FREED_WITHIN;
  for (;;) {
    const after = held(pins);
    if (leftovers(before, after).length === 0 || performance.now() > deadline) return after;
    await setTimeout(FREEING);
  }
}

/** What the last program has counted. */
function passed(map: MapHandle): Passed {
  const [seen, mixed] = [0, 1].map((key) => sumPerCpu(map.lookup(u32(key)), map.info.valueSize));
  return { seen: seen!, mixed: mixed! };
}
