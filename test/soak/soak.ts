/**
 * The run: a chain on one end of a veth pair, traffic into the other, and one deed after the other until the time is over. The
 * chain's first program marks each frame with the number of its chain, and the last one counts those that carry another
 * (test/bpf/generation.bpf.c).
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { attach, type Attachment, openKernel, openMap } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { ethernet, frame, payload } from "../../src/packets/index.ts";
import { attachmentFolder } from "../kernel/cli/world.ts";
import { generations, type Passed } from "../support/generations.ts";
import { random } from "../support/random.ts";
import { sumPerCpu, u32 } from "../support/samples.ts";
import { type Traffic, traffic } from "../support/traffic.ts";
import { veth } from "../support/veth.ts";
import type { Command } from "./command-line.ts";
import { DEEDS, loadAll, type Scene } from "./deeds.ts";
import { held } from "./leftovers.ts";
import { failuresOf, growth, type Report, type Tally } from "./report.ts";

/** Of one call, which begins and ends with tens of milliseconds in which none is sent. */
const FRAMES = 1_000_000;
/** After so many failures a run ends. */
const ENOUGH = 10;

/** @param say told every five seconds how far it is */
export async function soak(command: Command, say: (text: string) => void): Promise<Report> {
  const kernel = openKernel();
  requireBpffs(kernel, () => {});
  using pair = veth("soak");
  using quiet = veth("soak-q");
  // Without a native program, frames reach the stack only where GRO is on.
  if (command.mode === "generic") execFileSync("ethtool", ["-K", pair.far, "gro", "on"]);
  using source = generations("auto");
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-soak-"));
  let live: Attachment | undefined;
  try {
    live = await attach(source.chain(1), pair.far, { mode: command.mode });
    using sender = traffic(kernel, pair.near);
    // What is made once and kept, such as probed features, is made before the count.
    loadAll(source.chain);
    await live.update(source.chain(2));
    await live.update(source.chain(3));
    const before = held(attachmentFolder(live.ifindex));
    const scene = {
      live,
      device: pair.far,
      other: quiet.far,
      make: source.chain,
      random: random(command.seed),
      folder,
    };
    const done = await underTraffic(sender, () => deeds(command, scene, () => sender.sent(), say));
    // As before the count, a small chain is kept beside the one that runs.
    await live.update(source.chain(2));
    await live.update(source.chain(1));
    const pinned = live.status().programs.find(({ name }) => name === "last")!.maps[0]!.pin;
    const frames = { sent: sender.sent(), ...passed(pinned) };
    // The kernel frees a little later than the last fd is closed.
    await kernel.waitForPackets();
    await setTimeout(1000);
    const { failures, megabytes, ...rest } = done;
    const after = held(attachmentFolder(live.ifindex));
    const seen = { seed: command.seed, ...rest, frames, before, after, memory: growth(megabytes) };
    return { ...seen, failures: [...failures, ...failuresOf(seen)] };
  } finally {
    await live?.detach();
    rmSync(folder, { recursive: true });
  }
}

/** Frames flow until `work` has come to its end, well or badly. A failure of either is thrown. */
async function underTraffic<T>(sender: Traffic, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const send = async (): Promise<void> => {
    const data = frame(ethernet(), payload(46));
    while (!over.signal.aborted) {
      await sender.send(data, FRAMES);
      await setImmediate();
    }
  };
  const worked = work().finally(() => over.abort());
  const [result] = await Promise.all([worked, send()]);
  return result;
}

interface Done {
  readonly seconds: number;
  readonly swaps: number;
  readonly deeds: Readonly<Record<string, Tally>>;
  readonly failures: readonly string[];
  /** Resident, after each deed. */
  readonly megabytes: readonly number[];
}

async function deeds(
  command: Command,
  scene: Omit<Scene, "number">,
  sent: () => number,
  say: (text: string) => void,
): Promise<Done> {
  const tallies: Record<string, Tally> = {};
  for (const name of Object.keys(DEEDS)) tallies[name] = { done: 0, changed: 0 };
  const megabytes: number[] = [];
  const failures: string[] = [];
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  const swaps = (): number => Object.values(tallies).reduce((sum, { changed }) => sum + changed, 0);
  const isOver = (): boolean =>
    seconds() >= command.minutes * 60 || swaps() >= command.swaps || failures.length >= ENOUGH;
  let told = 0;
  for (let number = 4; !isOver(); number += 2) {
    const name = chosen(scene.random.int(SUM));
    try {
      const changed = await DEEDS[name]!.deed({ ...scene, number });
      tallies[name]!.done++;
      if (changed) tallies[name]!.changed++;
    } catch (error) {
      failures.push(`deed ${number / 2}, ${name}: ${(error as Error).message}`);
    }
    megabytes.push(process.memoryUsage().rss / 2 ** 20);
    if (seconds() - told < 5) continue;
    told = seconds();
    say(`${Math.round(told)} s: ${swaps()} swaps, ${sent()} frames, ${failures.length} failures`);
  }
  return { seconds: seconds(), swaps: swaps(), deeds: tallies, failures, megabytes };
}

const SUM = Object.values(DEEDS).reduce((sum, { often }) => sum + often, 0);

function chosen(at: number): string {
  let rest = at;
  for (const [name, { often }] of Object.entries(DEEDS)) if ((rest -= often) < 0) return name;
  throw new RangeError(`no deed at ${at}`);
}

/** What the last program has counted, in the map of that pin. */
function passed(pin: string): Passed {
  using map = openMap(pin);
  const [seen, mixed] = [0, 1].map((key) => sumPerCpu(map.lookup(u32(key)), map.info.valueSize));
  return { seen: seen!, mixed: mixed! };
}
