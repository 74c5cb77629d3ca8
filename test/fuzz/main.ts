/**
 * `npm run fuzz`: the targets of test/fuzz/targets for as long as one likes; `npm test` runs a few seconds of each.
 *
 *     command-line.ts  what was asked for
 *     targets.ts       which targets there are
 *     campaign.ts      whose turn it is
 *     runner.ts        a target's process (child.ts) and its limits
 *     guided.ts        for targets that take bytes: inputs bred by coverage
 */
import { processIo } from "../../src/cli/io.ts";
import { type Progress, progress } from "../../src/cli/progress.ts";
import { type Entry, type Result, type Watcher, campaign } from "./campaign.ts";
import { type Command, USAGE, UsageError, readCommandLine } from "./command-line.ts";
import { runner } from "./runner.ts";
import { summary } from "./summary.ts";
import { loadTarget, obstacle } from "./targets.ts";

/** The exit status after Ctrl-C. */
const INTERRUPTED = 130;

/** Off a terminal, a line about each target that often. */
const SECONDS_BETWEEN_LINES = 15;

async function main(words: readonly string[]): Promise<number> {
  const command = readCommandLine(words);
  if (command === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  if (command.list) {
    await list(command);
    return 0;
  }
  const { out, err } = processIo();
  const live = progress(err);
  const { entries, others } = await gather(command);
  for (const other of others) if (other.state === "failed") live.note(failureText(other, command.repeat));

  let stopped = false;
  const stop = (): void => {
    if (stopped) process.exit(INTERRUPTED);
    stopped = true;
    for (const { runner: each } of entries) each.stop();
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);

  const plan = { seed: command.seed, cases: command.cases, seconds: (command.minutes * 60) / entries.length };
  const results = await campaign(
    entries,
    plan,
    watcher(live, err.isTerminal, command.repeat, () => stopped),
  );
  for (const { runner: each } of entries) each.stop();
  live[Symbol.dispose]();
  const all = [...results, ...others].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const json = (): string => `${JSON.stringify({ seed: command.seed, targets: all }, undefined, 2)}\n`;
  out.write(command.json ? json() : summary(all, command.seed));
  if (stopped) return INTERRUPTED;
  return all.some(({ state }) => state === "failed") || all.every(({ state }) => state === "skipped") ? 1 : 0;
}

/** The targets that can run, and what is known of the others already. */
async function gather({ names, folder, seed, limits }: Command): Promise<{ entries: Entry[]; others: Result[] }> {
  const entries: Entry[] = [];
  const others: Result[] = [];
  for (const name of names) {
    const idle = { name, cases: 0, seconds: 0 };
    try {
      const target = await loadTarget(name, folder);
      const reason = obstacle(target);
      if (reason === undefined) entries.push({ target, runner: runner(name, folder, limits) });
      else others.push({ ...idle, state: "skipped", reason });
    } catch (error) {
      const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      others.push({ ...idle, state: "failed", batch: { seed, cases: 1 }, failure });
    }
  }
  return { entries, others };
}

/** On a terminal one line tells each batch; elsewhere there is a line about a target now and then. */
function watcher(live: Progress, isTerminal: boolean, repeat: readonly string[], stopped: () => boolean): Watcher {
  const spoken = new Map<string, number>();
  return {
    began(name, { seed, cases }) {
      if (isTerminal) live.step(`${name}: seed ${seed}, ${cases} cases`);
    },
    ended({ name, cases, seconds }) {
      if (isTerminal || seconds - (spoken.get(name) ?? -Infinity) < SECONDS_BETWEEN_LINES) return;
      spoken.set(name, seconds);
      live.step(`${name}: ${cases} cases in ${seconds.toFixed(1)} s`);
    },
    failed: (result) => live.note(failureText(result, repeat)),
    stopped,
  };
}

function failureText({ name, batch, failure }: Result & { state: "failed" }, options: readonly string[]): string {
  const words = [name, "--seed", batch.seed, "--cases", batch.cases, ...options];
  const again = `npm run fuzz -- ${words.join(" ")}`;
  return `\n${name} failed with seed ${batch.seed}:\n${failure.replaceAll(/^/gm, "  ")}\nagain: ${again}\n`;
}

async function list({ names, folder }: Command): Promise<void> {
  for (const name of names) {
    const target = await loadTarget(name, folder);
    const reason = obstacle(target);
    process.stdout.write(`${name}\n  ${target.claim}\n${reason === undefined ? "" : `  not here: ${reason}\n`}`);
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`fuzz: ${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
