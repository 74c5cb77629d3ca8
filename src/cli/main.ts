/**
 * argv -> library calls -> exit status. Thin: what a command decides is decided by the library.
 *
 * Exit status: 0 done, 1 the world said no (kernel, interface, privilege) or xdpgen has a bug, 2 the input is wrong; and 3
 * from `plan --exit-code` where something would change; 129, 130 and 143 after the terminal went
 * away, Ctrl-C and `kill`. exit-status.ts says more.
 * Answers go to stdout, everything said on the way to stderr; with `--json` stdout holds one JSON value, errors
 * included; `watch` prints one in each line.
 */
import { CommanderError } from "commander";
import { XdpgenError } from "../errors.ts";
import { commandLine } from "./command-line.ts";
import { colorOf, type CommandResult, printEvent, printJson } from "./common.ts";
import { Interrupt, type Io } from "./io.ts";
import { renderError } from "./render/error.ts";
import { style } from "./render/style.ts";

/** Runs one command line, without the name of the program. Never throws. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const said: string[] = [];
  const result: CommandResult = { status: 0 };
  try {
    await commandLine(io, result, (message) => said.push(message)).parseAsync(argv, { from: "user" });
    return result.status;
  } catch (error) {
    return failed(error, argv, io, said.join(""), result);
  }
}

function failed(error: unknown, argv: readonly string[], io: Io, said: string, result: CommandResult): number {
  const json = argv.includes("--json");
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    if (json) writeError(io, "usage", said.trim().replace(/^error: /, ""), result);
    return 2;
  }
  const color = colorOf(argv, io, io.err);
  const paint = style(color);
  if (error instanceof XdpgenError) {
    if (json) writeError(io, error.code, error.message, result);
    io.err.write(renderError(error, color));
    return error.cause instanceof Interrupt ? error.cause.exitStatus : error.exitStatus;
  }
  if (json) writeError(io, "bug", error instanceof Error ? error.message : String(error), result);
  io.err.write(`${stacks(error)}\n${paint.red("this is a bug in xdpgen:")} please report it with the lines above\n`);
  return 1;
}

/** Of each error, where it is several; what is no bug of ours has none. */
function stacks(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(stacks).join("\n");
  if (error instanceof XdpgenError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Where each line is an event, so is the error that ends the command. */
function writeError(io: Io, code: string, message: string, { done = {}, lines }: CommandResult): void {
  const error = { code, message };
  if (lines) printEvent(io, "failed", { error });
  else printJson(io, { ...done, error });
}
