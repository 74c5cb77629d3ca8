/** Many batches of many targets: who is next, when each has had enough, and what came of it. */
import type { Batch } from "./child.ts";
import type { Runner } from "./runner.ts";
import type { FuzzTarget } from "./target.ts";

export interface Plan {
  /** Seed of each target's first batch; every batch has the next. */
  readonly seed: number;
  /** Time for each target. */
  readonly seconds: number;
  /** Most cases for each target. */
  readonly cases: number;
}

export type Result = Progress &
  ({ readonly state: "passed" } | Failed | { readonly state: "skipped"; readonly reason: string });

export interface Progress {
  readonly name: string;
  readonly cases: number;
  readonly seconds: number;
}

export interface Failed {
  readonly state: "failed";
  /** What repeats it. */
  readonly batch: Batch;
  readonly failure: string;
}

export interface Entry {
  readonly target: FuzzTarget;
  readonly runner: Runner;
}

/** What a campaign tells while it runs, and by what it is stopped. */
export interface Watcher {
  began(name: string, batch: Batch): void;
  ended(progress: Progress): void;
  failed(result: Result & Failed): void;
  stopped(): boolean;
}

/**
 * Runs the targets in turns until each has failed, had its cases or its time. The one that has had the least time is next,
 * so a target with long batches takes nothing from the others. A batch is as large as a run of `npm test`.
 */
export async function campaign(entries: readonly Entry[], plan: Plan, watcher: Watcher): Promise<Result[]> {
  const turns = entries.map((entry) => ({
    ...entry,
    cases: 0,
    seconds: 0,
    asked: 0,
    batches: 0,
    result: undefined as Failed | undefined,
  }));
  const wants = ({ asked, seconds, result }: (typeof turns)[number]): boolean =>
    !result && asked < plan.cases && (asked === 0 || seconds < plan.seconds);
  for (;;) {
    const [next] = turns.filter(wants).toSorted((a, b) => a.seconds - b.seconds);
    if (!next || watcher.stopped()) break;
    const batch = {
      seed: (plan.seed + next.batches++) >>> 0,
      cases: Math.min(next.target.batch ?? next.target.cases, plan.cases - next.asked),
    };
    watcher.began(next.target.name, batch);
    const started = performance.now();
    const answer = await next.runner.run(batch);
    if (watcher.stopped()) break;
    next.seconds += (performance.now() - started) / 1000;
    next.asked += batch.cases;
    if ("cases" in answer) next.cases += answer.cases;
    else next.result = { state: "failed", batch, failure: answer.failure };
    const progress = { name: next.target.name, cases: next.cases, seconds: next.seconds };
    if (next.result) watcher.failed({ ...progress, ...next.result });
    else watcher.ended(progress);
  }
  return turns.map(({ target, cases, seconds, asked, result }) => ({
    name: target.name,
    cases,
    seconds,
    ...(result ??
      (asked > 0 ? { state: "passed" } : { state: "skipped", reason: "it was stopped before its first batch" })),
  }));
}
