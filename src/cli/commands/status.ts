/** `xdpgen status`: what runs, read from the kernel. */
import { XdpgenError } from "../../errors.ts";
import { command, type CommonOptions, type MakeCommand, printJson, useColor } from "../common.ts";
import { renderStatus } from "../render/status.ts";
import { style } from "../render/style.ts";

export const statusCommand: MakeCommand = (io) =>
  command(
    "status",
    "Shows the chains that run, in every network namespace that shares this bpffs, or on one interface.",
    [
      ["xdpgen status", "every chain; those of other network namespaces are named with theirs"],
      ["xdpgen status eth0", "one interface; exit status 1 when xdpgen has nothing on it"],
      ["xdpgen status --json | jq '.[].programs[].name'", "the names of all programs, for a script"],
    ],
  )
    .argument("[interface]", "only this interface")
    .action(async (device: string | undefined, options: CommonOptions) => {
      const report = await io.library.status(device);
      if (device !== undefined && report.length === 0) {
        throw new XdpgenError(
          "not-attached",
          `xdpgen has nothing on ${device}: \`xdpgen apply CHAIN --dev ${device}\` attaches a chain`,
        );
      }
      if (options.json) {
        printJson(io, report);
        return;
      }
      const view = { now: io.now(), columns: io.out.columns, paint: style(useColor(options.color, io, io.out)) };
      io.out.write(renderStatus(report, view));
    });
