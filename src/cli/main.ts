/**
 * argv -> library calls -> exit status. Thin: what a command decides is decided by the library.
 *
 * Exit status: 0 done, 1 the world said no (kernel, interface, privilege) or xdpgen has a bug, 2 the input is wrong; and 3
 * from `plan --exit-code` where something would change; 130 and 143 after Ctrl-C and `kill`.
 * Answers go to stdout, everything said on the way to stderr; with `--json` stdout holds one JSON value, errors included.
 */
import { CommanderError } from "commander";
import { formatDiagnostics, Mistakes } from "../diagnostic.ts";
import { XdpgenError } from "../errors.ts";
import { commandLine } from "./command-line.ts";
import { colorOf, type CommandResult, printJson } from "./common.ts";
import { Interrupt, type Io } from "./io.ts";
import { style } from "./render/style.ts";

/** Runs one command line, without the name of the program. Never throws. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const said: string[] = [];
  const result: CommandResult = { status: 0 };
  try {
    await commandLine(io, result, (message) => said.push(message)).parseAsync(argv, { from: "user" });
    return result.status;
  } catch (error) {
    return failed(error, argv, io, said.join(""), result.done);
  }
}

function failed(error: unknown, argv: readonly string[], io: Io, said: string, done?: object): number {
  const json = argv.includes("--json");
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    if (json) writeError(io, "usage", said.trim().replace(/^error: /, ""));
    return 2;
  }
  const color = colorOf(argv, io, io.err);
  const paint = style(color);
  if (error instanceof XdpgenError) {
    if (json) writeError(io, error.code, error.message, done);
    const { cause } = error;
    if (cause instanceof Mistakes)
      io.err.write(formatDiagnostics(cause.diagnostics, cause.text, cause.file, { color }));
    else io.err.write(`${paint.red("error:")} ${error.message}\n`);
    return cause instanceof Interrupt ? cause.exitStatus : error.exitStatus;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (json) writeError(io, "bug", error instanceof Error ? error.message : String(error), done);
  io.err.write(`${stack}\n${paint.red("this is a bug in xdpgen:")} please report it with the lines above\n`);
  return 1;
}

function writeError(io: Io, code: string, message: string, done: object = {}): void {
  printJson(io, { ...done, error: { code, message } });
}
