/** `xdpgen doctor`: what this machine can do for a chain, and why not more. */
import { command, type CommonOptions, type MakeCommand, printJson, useColor } from "../common.ts";
import { progress } from "../progress.ts";
import { renderDoctor } from "../render/doctor.ts";
import { style } from "../render/style.ts";

export const doctorCommand: MakeCommand = (io, result) =>
  command("doctor", "Looks at kernel, libbpf and privileges, and says what each means for you.", [
    ["xdpgen doctor", "exit status 1 when something is missing that a chain needs"],
    ["sudo xdpgen doctor --json", "the same for programs to read, with all privileges"],
  ]).action(async (options: CommonOptions) => {
    using shown = progress(io.err);
    if (io.err.isTerminal) shown.step("trying what the kernel allows");
    const report = await io.library.doctor();
    shown[Symbol.dispose]();
    if (options.json) printJson(io, report);
    else io.out.write(renderDoctor(report, io.out.columns, style(useColor(options.color, io, io.out))));
    if (report.entries.some(({ state }) => state === "missing")) result.status = 1;
  });
