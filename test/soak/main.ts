/**
 * `npm run soak`: hours of what operators do to a chain, and of what happens to them, in one process.
 *
 *     command-line.ts  what was asked for
 *     deeds.ts         what is done to the chain, and what must be true afterwards
 *     leftovers.ts     what of it could be left behind
 *
 * Traffic flows through a veth pair all the while. Its first program marks each frame with the number of its chain, and the
 * last one counts those that carry another (test/bpf/generation.bpf.c).
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { processIo } from "../../src/cli/io.ts";
import { progress } from "../../src/cli/progress.ts";
import { attach, openKernel, openMap } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/bpffs.ts";
import { ethernet, frame, payload } from "../../src/packets/index.ts";
import { attachmentFolder } from "../kernel/cli/world.ts";
import { generations, type Passed } from "../support/generations.ts";
import { random } from "../support/random.ts";
import { sumPerCpu, u32 } from "../support/samples.ts";
import { traffic } from "../support/traffic.ts";
import { veth } from "../support/veth.ts";
import { type Command, readCommandLine, USAGE, UsageError } from "./command-line.ts";
import { DEEDS, loadAll } from "./deeds.ts";
import { type Held, held } from "./leftovers.ts";

interface Report {
  readonly seed: number;
  readonly seconds: number;
  readonly deeds: Readonly<Record<string, { readonly done: number; readonly changed: number }>>;
  readonly swaps: number;
  /** Frames that went in, that came to the last program, and those of them that met two generations. */
  readonly frames: { readonly sent: number; readonly seen: number; readonly mixed: number };
  /** Attached, before the first deed and after the last. */
  readonly before: Held;
  readonly after: Held;
  /** Resident megabytes: the medians of the second tenth of the run and of the last. */
  readonly memory: { readonly early: number; readonly late: number };
  /** What did not hold; empty where all did. */
  readonly failures: readonly string[];
}

const FRAMES = 50_000;
/** Of the memory early on, that the end may have more: the engine's own heap breathes. */
const GROWTH = 1.15;

async function soak(command: Command, say: (text: string) => void): Promise<Report> {
  const kernel = openKernel();
  requireBpffs(kernel, () => {});
  using pair = veth("soak");
  // Without a native program, frames reach the stack only where GRO is on.
  if (command.mode === "generic") execFileSync("ethtool", ["-K", pair.far, "gro", "on"]);
  using source = generations("auto");
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-soak-"));
  const live = await attach(source.chain(1), pair.far, { mode: command.mode });
  try {
    using sender = traffic(kernel, pair.near);
    const chance = random(command.seed);
    const done = new AbortController();
    const sending = (async () => {
      const data = frame(ethernet(), payload(46));
      while (!done.signal.aborted) {
        await sender.send(data, FRAMES);
        await setImmediate();
      }
    })();
    const pinned = (): string => live.status().programs.find(({ name }) => name === "last")!.maps[0]!.pin;
    // What is made once and kept, such as probed features, is made before the count.
    loadAll(source.chain);
    await live.update(source.chain(2));
    await live.update(source.chain(3));
    const before = held(attachmentFolder(live.ifindex));
    const counts: Record<string, { done: number; changed: number }> = {};
    for (const name of Object.keys(DEEDS)) counts[name] = { done: 0, changed: 0 };
    const memory: number[] = [];
    const failures: string[] = [];
    const start = performance.now();
    const seconds = (): number => (performance.now() - start) / 1000;
    const swaps = (): number => Object.values(counts).reduce((sum, { changed }) => sum + changed, 0);
    let told = 0;
    for (let number = 4; seconds() < command.minutes * 60 && swaps() < command.swaps; number += 2) {
      const name = chosen(chance.int(SUM));
      try {
        const scene = { live, device: pair.far, make: source.chain, random: chance, number, folder };
        const changed = await DEEDS[name]!.deed(scene);
        counts[name]!.done++;
        if (changed) counts[name]!.changed++;
      } catch (error) {
        failures.push(`deed ${number / 2}, ${name}: ${(error as Error).message}`);
        if (failures.length >= 10) break;
      }
      memory.push(process.memoryUsage().rss / 2 ** 20);
      if (seconds() - told < 5) continue;
      told = seconds();
      say(`${Math.round(told)} s: ${swaps()} swaps, ${sender.sent()} frames, ${failures.length} failures`);
    }
    await live.update(source.chain(1));
    done.abort();
    await sending;
    const frames = { sent: sender.sent(), ...passed(pinned()) };
    // The kernel frees a little later than the last fd is closed.
    await kernel.waitForPackets();
    await setTimeout(1000);
    const after = held(attachmentFolder(live.ifindex));
    const tenth = Math.ceil(memory.length / 10);
    const resident = { early: median(memory.slice(tenth, 2 * tenth)), late: median(memory.slice(-tenth)) };
    if (frames.seen !== frames.sent) failures.push(`${frames.sent} frames went in, and ${frames.seen} came out`);
    if (frames.mixed > 0) failures.push(`${frames.mixed} frames met two generations`);
    for (const key of ["programs", "maps", "links", "pins"] as const) {
      if (after[key] > before[key]) failures.push(`${key}: ${before[key]} before, ${after[key]} after`);
    }
    for (const [kind, count] of Object.entries(after.fds)) {
      const had = before.fds[kind] ?? 0;
      if (count > had) failures.push(`fds of kind ${kind}: ${had} before, ${count} after`);
    }
    if (resident.late > resident.early * GROWTH) {
      failures.push(`resident memory grew from ${resident.early.toFixed(0)} to ${resident.late.toFixed(0)} MB`);
    }
    const { seed } = command;
    return {
      seed,
      seconds: seconds(),
      deeds: counts,
      swaps: swaps(),
      frames,
      before,
      after,
      memory: resident,
      failures,
    };
  } finally {
    await live.detach();
    rmSync(folder, { recursive: true });
  }
}

/** What the last program has counted, in the map of that pin. */
function passed(pin: string): Passed {
  using map = openMap(pin);
  const [seen, mixed] = [0, 1].map((key) => sumPerCpu(map.lookup(u32(key)), map.info.valueSize));
  return { seen: seen!, mixed: mixed! };
}

const SUM = Object.values(DEEDS).reduce((sum, { often }) => sum + often, 0);

function chosen(at: number): string {
  let rest = at;
  for (const [name, { often }] of Object.entries(DEEDS)) if ((rest -= often) < 0) return name;
  throw new RangeError(`no deed at ${at}`);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

function text({ seed, seconds, deeds, swaps, frames, before, after, memory, failures }: Report): string {
  const number = (value: number): string => value.toLocaleString("en-US");
  return [
    `${number(swaps)} swaps in ${seconds.toFixed(0)} s, seed ${seed}`,
    ...Object.entries(deeds).map(
      ([name, { done, changed }]) =>
        `  ${name.padEnd(36)}${number(done).padStart(8)}, of which ${number(changed)} changed the chain`,
    ),
    `frames: ${number(frames.sent)} in, ${number(frames.seen)} out, ${number(frames.mixed)} met two generations`,
    ...(["programs", "maps", "links", "pins", "bytes"] as const).map(
      (key) => `${key}: ${number(before[key])} before, ${number(after[key])} after`,
    ),
    `fds: ${kinds(before)} before, ${kinds(after)} after`,
    `resident memory: ${memory.early.toFixed(0)} MB early, ${memory.late.toFixed(0)} MB late`,
    "Programs, maps and links are those of the whole machine: let nobody else load any meanwhile.",
    ...(failures.length === 0 ? ["all held"] : failures.map((failure) => `FAILED: ${failure}`)),
    "",
  ].join("\n");
}

const kinds = ({ fds }: Held): string =>
  Object.entries(fds)
    .map(([kind, count]) => `${count} of ${kind}`)
    .join(", ");

async function main(words: readonly string[]): Promise<number> {
  const command = readCommandLine(words);
  if (command === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  using live = progress(processIo().err);
  const report = await soak(command, (line) => live.step(line));
  live[Symbol.dispose]();
  process.stdout.write(command.json ? `${JSON.stringify(report, undefined, 2)}\n` : text(report));
  return report.failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`soak: ${error.message}\nSee npm run soak -- --help\n`);
  process.exitCode = 2;
}
