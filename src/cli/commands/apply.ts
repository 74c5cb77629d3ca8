/** `xdpgen apply`: interfaces run the chain that a file declares. */
import type { Command } from "commander";
import { type Chain, type Linkage, MODES, type Mode } from "../../chain/index.ts";
import type { ManifestProgram } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import type { Preview, SwapEvent, SwapResult } from "../../loader/index.ts";
import {
  choice,
  collect,
  command,
  type CommonOptions,
  linkageOption,
  type MakeCommand,
  printJson,
  useColor,
} from "../common.ts";
import type { Io } from "../io.ts";
import { type Progress, progress } from "../progress.ts";
import { noteText, workText } from "../render/events.ts";
import { linkageReasons } from "../render/linkages.ts";
import { changesNothing, renderPlan } from "../render/plan.ts";
import { style } from "../render/style.ts";
import { warn } from "../render/warnings.ts";

export interface ApplyOptions extends CommonOptions {
  readonly dev?: readonly string[];
  readonly linkage?: Linkage | "auto";
  readonly mode?: Mode | "auto";
  readonly replace?: true;
}

export const applyCommand: MakeCommand = (io, result) =>
  withApplyOptions(
    command("apply", "Makes interfaces run a chain: attaches it, or swaps what runs in one atomic step.", [
      ["xdpgen apply chain.yaml", "on the interfaces that the file lists"],
      ["xdpgen apply chain.yaml --dev eth0 --dev eth1", "on these, together or not at all"],
      ["xdpgen apply chain.yaml --dev eth0 --mode generic", "where the driver has no native XDP"],
    ]),
  ).action(async (path: string, options: ApplyOptions) => {
    using interrupt = io.interruptible();
    using shown = progress(io.err);
    const chain = await io.library.loadChain(path);
    const events: SwapEvent[] = [];
    const applied: object[] = [];
    const done = { chain: chain.name, applied, events };
    result.done = done;
    const tell = (event: SwapEvent): void => {
      // In a list that is whole, a step that ended has begun.
      if (event.kind !== "begin") events.push(event);
    };
    const results = await applyChain(io, chain, path, options, { shown, tell, signal: interrupt.signal });
    if (!options.json) return;
    applied.push(...results.map(plain));
    printJson(io, done);
  });

/** The argument and the options of commands that apply a chain. */
export function withApplyOptions(to: Command): Command {
  return to
    .argument("<chain>", "path of a chain.yaml")
    .option("-d, --dev <interface>", "instead of the chain's interfaces; may be given several times", collect)
    .addOption(linkageOption("instead of the chain's"))
    .addOption(choice("--mode <mode>", "auto, native or generic, instead of the chain's", ["auto", ...MODES]))
    .option(
      "--replace",
      "take the interface over from a program that is not xdpgen's; for an instant it may have none",
    );
}

export interface Applying {
  readonly shown: Progress;
  /** Told what happens; people read it in what is shown. */
  readonly tell: (event: SwapEvent) => void;
  readonly signal: AbortSignal;
}

/** Applies a chain to its interfaces and, unless the answer is JSON, says what became of each. */
export async function applyChain(
  io: Io,
  chain: Chain,
  path: string,
  options: ApplyOptions,
  { shown, tell, signal }: Applying,
): Promise<readonly SwapResult[]> {
  const devices = devicesOf(chain, options.dev, path);
  // One that does not exist is an answer before the others are looked at.
  if (devices.length > 1) await io.library.requireInterfaces(devices);
  await warn(io, chain, options.color);
  const given = {
    ...(options.linkage && { linkage: options.linkage }),
    ...(options.mode && { mode: options.mode }),
    ...(options.replace && { replace: true }),
  };
  const view = { columns: io.err.columns, paint: style(useColor(options.color, io, io.err)) };
  const events = (event: SwapEvent): void => {
    tell(event);
    show(event, io.err.isTerminal, shown);
  };
  const loading = `${devices.join(", ")}: loading ${count(chain.programs.length)} of chain ${chain.name}`;
  shown.step(loading);
  const previews = options.json ? [] : await io.library.preview(chain, devices, given).catch(leaveToApply);
  // What is in the way is said by the error that follows.
  const refused = previews.some(({ obstacle }) => obstacle !== undefined);
  for (const preview of refused ? [] : previews.filter((one) => !changesNothing(one))) {
    shown.note(renderPlan(preview, view).trimEnd());
    if (io.err.isTerminal) shown.step(loading);
  }
  const results = await io.library.apply(chain, devices, { ...given, events, signal });
  const { programs } = results[0]!.image.manifest;
  for (const message of await reasons(io, chain, options.linkage, programs)) events({ kind: "notice", message });
  if (signal.aborted) events({ kind: "notice", message: "too late to cancel: the swap is done" });
  shown[Symbol.dispose]();
  for (const swapped of options.json ? [] : results) io.out.write(`${swapped.interface}: ${sentence(swapped)}\n`);
  return results;
}

/** Each step on a terminal, where the next takes its line; elsewhere only a step of another kind. */
function show(event: SwapEvent, terminal: boolean, shown: Progress & { last?: string }): void {
  const note = noteText(event);
  if (note !== undefined) shown.note(note);
  if (event.kind !== "begin" || (!terminal && shown.last === event.step)) return;
  shown.last = event.step;
  shown.step(workText(event));
}

/** What cannot be looked at cannot be changed either, and the error of the change says more. */
function leaveToApply(error: unknown): readonly Preview[] {
  if (!(error instanceof XdpgenError)) throw error;
  return [];
}

/**
 * The interfaces that a command is about.
 * @throws XdpgenError `usage` where neither the command line nor the chain names one
 */
export function devicesOf(chain: Chain, dev: readonly string[] | undefined, path: string): readonly string[] {
  const devices = [...new Set(dev ?? chain.interfaces)];
  if (devices.length > 0) return devices;
  throw new XdpgenError("usage", `chain \`${chain.name}\` lists no interfaces: name one with --dev, or in ${path}`);
}

type Linked = Pick<ManifestProgram, "name" | "linkage" | "because">;

/** Why linkages that the user left to `auto` are what they are, where it is not what one would expect. */
export async function reasons(
  io: Io,
  chain: Chain,
  override: Linkage | "auto" | undefined,
  programs: readonly Linked[],
): Promise<readonly string[]> {
  const own = linkageReasons(programs);
  if ((override ?? chain.linkage) !== "auto" || chain.prefer === "speed") return own;
  const declared = new Map(chain.programs.map(({ name, linkage = "auto" }) => [name, linkage]));
  const called = programs.find(({ name, because }) => declared.get(name) === "auto" && because === undefined);
  if (called?.linkage !== "call") return own;
  return [`linkage auto is call here: ${await io.library.autoReason()}`, ...own];
}

function sentence({ outcome, generation, mode, image }: SwapResult): string {
  const { chain, programs } = image.manifest;
  const linkages = [...new Set(programs.map(({ linkage }) => linkage))].join(" and ");
  const what = `chain ${chain}, generation ${generation}, ${count(programs.length)} by ${linkages}, ${mode} mode`;
  switch (outcome) {
    case "created":
      return `attached ${what}`;
    case "swapped":
      return `swapped to ${what}`;
    case "replaced":
      return `replaced one loaded program, and the dispatcher runs on: ${what}`;
    case "unchanged":
      return `nothing to change: ${what}`;
  }
}

/** For JSON. */
export function plain({ interface: device, outcome, generation, mode, image, verified }: SwapResult): object {
  return {
    interface: device,
    outcome,
    generation,
    mode,
    programs: image.manifest.programs,
    ...(verified && { verified }),
  };
}

function count(programs: number): string {
  return `${programs} program${programs === 1 ? "" : "s"}`;
}
