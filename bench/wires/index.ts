/** What a chain costs on interfaces, and what it costs to change one: frames, latency, swaps, commands. */
import type { Section } from "../section.ts";
import { change } from "./change.ts";
import { type Experiment, sectionOf } from "./experiment.ts";
import { latency } from "./latency.ts";
import { start } from "./start.ts";
import { swap } from "./swap.ts";
import { vethPair } from "./veth.ts";

export const EXPERIMENTS: Readonly<Record<string, Experiment<unknown>>> = {
  veth: vethPair,
  latency,
  swap,
  change,
  start,
};

export const WIRES: Readonly<Record<string, Section<unknown>>> = Object.fromEntries(
  Object.entries(EXPERIMENTS).map(([name, experiment]) => [name, sectionOf(experiment)]),
);
