/** What every command has: `--json`, `--color`, exit statuses, a result and options that know their values. */
import { Command, InvalidArgumentError, Option } from "commander";
import { LINKAGES } from "../chain/index.ts";
import { nearest } from "../nearest.ts";
import { type CommandName, exitStatuses } from "./exit-status.ts";
import type { Io, Stream } from "./io.ts";

/** What a command leaves behind for whoever ends the process. */
export interface CommandResult {
  /** The exit status when it ends without an error. */
  status: number;
  /** What was done before an error: with `--json` it stands beside the error. */
  done?: object;
  /** With `--json` it prints an event in each line, and so the error that ends it. */
  lines?: true;
}

export type MakeCommand = (io: Io, result: CommandResult) => Command;

export interface CommonOptions {
  readonly json?: true;
  readonly color: ColorChoice;
}

const COLOR_CHOICES = ["auto", "always", "never"] as const;
export type ColorChoice = (typeof COLOR_CHOICES)[number];

/** A command with the options that all have; examples are `[command line, what it does]`. */
export function command(
  name: CommandName,
  description: string,
  examples: readonly (readonly [string, string])[],
): Command {
  const lines = examples.map(([line, what]) => `  # ${what}\n  $ ${line}`);
  const statuses = exitStatuses(name);
  const width = Math.max(...statuses.map(([status]) => status.length));
  const means = statuses.map(([status, says]) => `  ${status.padEnd(width)}  ${says}`);
  return new Command(name)
    .description(description)
    .option("--json", "print JSON for programs to read")
    .addOption(choice("--color <when>", "colours: auto, always or never", COLOR_CHOICES).default("auto"))
    .allowExcessArguments(false)
    .helpOption("-h, --help", "show help")
    .addHelpText("after", `\nExit status:\n${means.join("\n")}\n\nExamples:\n${lines.join("\n")}`);
}

/** An option with a closed set of values; a wrong one is answered with the nearest right one. */
export function choice(flags: string, description: string, values: readonly string[]): Option {
  return new Option(flags, description).argParser((value: string) => oneOf(value, values));
}

/** `--linkage`, of the commands that make a dispatcher. */
export function linkageOption(description: string): Option {
  const values = ["auto", ...LINKAGES];
  return choice("--linkage <linkage>", `${values.slice(0, -1).join(", ")} or ${values.at(-1)}, ${description}`, values);
}

/** @throws InvalidArgumentError with the nearest right value */
export function oneOf(value: string, values: readonly string[]): string {
  const exact = values.find((known) => known === value.toLowerCase());
  if (exact) return exact;
  const near = nearest(value, values);
  throw new InvalidArgumentError(`It must be one of ${values.join(", ")}.${near ? `\n(Did you mean ${near}?)` : ""}`);
}

/** For an option that may be given several times. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}

/** Whether to colour a stream: `--color`, then NO_COLOR and FORCE_COLOR (no-color.org), then whether it is a terminal. */
export function useColor(choiceMade: ColorChoice, { env }: Io, stream: Stream): boolean {
  if (choiceMade !== "auto") return choiceMade === "always";
  if (env["NO_COLOR"]) return false;
  if (env["FORCE_COLOR"] && env["FORCE_COLOR"] !== "0") return true;
  return stream.isTerminal && env["TERM"] !== "dumb";
}

/** The same from a command line that may not have been understood. */
export function colorOf(argv: readonly string[], io: Io, stream: Stream): boolean {
  const given = argv.findLast((argument, index) => argument.startsWith("--color=") || argv[index - 1] === "--color");
  const value = given?.replace(/^--color=/, "");
  return useColor(COLOR_CHOICES.find((known) => known === value) ?? "auto", io, stream);
}

/** One line of a command that tells what happens, as it happens. */
export function printEvent(io: Io, event: string, rest: object): void {
  printJson(io, { event, time: io.now().toISOString(), ...rest }, 0);
}

export function printJson(io: Io, value: unknown, indent = 2): void {
  const plain = (_: string, inner: unknown): unknown => (typeof inner === "bigint" ? inner.toString() : inner);
  io.out.write(`${JSON.stringify(value, plain, indent)}\n`);
}
