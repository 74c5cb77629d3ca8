/** The commands and options of `xdpgen`, assembled. */
import { Command } from "commander";
import { applyCommand } from "./commands/apply.ts";
import { asmCommand } from "./commands/asm.ts";
import { buildCommand } from "./commands/build.ts";
import { detachCommand } from "./commands/detach.ts";
import { disasmCommand } from "./commands/disasm.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { graphCommand } from "./commands/graph.ts";
import { lintCommand } from "./commands/lint.ts";
import { planCommand } from "./commands/plan.ts";
import { rollbackCommand } from "./commands/rollback.ts";
import { schemaCommand } from "./commands/schema.ts";
import { statusCommand } from "./commands/status.ts";
import { testCommand } from "./commands/test.ts";
import { traceCommand } from "./commands/trace.ts";
import { watchCommand } from "./commands/watch.ts";
import type { CommandResult } from "./common.ts";
import type { Io } from "./io.ts";
import { version } from "./version.ts";

/**
 * A fresh command line; `parseAsync` runs it once.
 *
 * @param result where a command leaves its exit status
 * @param onError gets what commander says of a wrong command line
 */
export function commandLine(io: Io, result: CommandResult, onError: (message: string) => void): Command {
  const root = new Command("xdpgen")
    .description("Generates an XDP dispatcher made for exactly your chain of programs, and swaps it atomically.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .addHelpText(
      "after",
      `
Examples:
  # what this machine can do
  $ xdpgen doctor
  # see what would change, run a chain, look at it, take it off
  $ xdpgen plan chain.yaml --dev eth0
  $ xdpgen apply chain.yaml --dev eth0
  $ xdpgen status
  $ xdpgen detach eth0`,
    );
  // Before the rest of the line is understood: what is wrong there is answered in one line too.
  root.hook("preSubcommand", (_, chosen) => {
    if (chosen.name() === "watch") result.lines = true;
  });
  const commands = [
    buildCommand,
    graphCommand,
    planCommand,
    testCommand,
    applyCommand,
    watchCommand,
    statusCommand,
    rollbackCommand,
    detachCommand,
    traceCommand,
    doctorCommand,
    asmCommand,
    disasmCommand,
    schemaCommand,
    lintCommand,
  ];
  for (const make of commands) root.addCommand(make(io, result));
  for (const command of [root, ...root.commands]) {
    command
      .exitOverride()
      .showHelpAfterError(`See \`xdpgen ${command === root ? "" : `${command.name()} `}--help\`.`)
      .configureOutput({
        writeOut: (text) => io.out.write(text),
        writeErr: (text) => io.err.write(text),
        getOutHelpWidth: () => io.out.columns,
        getErrHelpWidth: () => io.err.columns,
        outputError: (text, write) => {
          onError(text);
          write(text);
        },
      });
  }
  return root;
}
