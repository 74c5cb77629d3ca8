/** `xdpgen test`: the checks of a chain, run on a copy of it. Changes nothing that packets meet. */
import type { Linkage } from "../../chain/index.ts";
import type { CheckOutcome } from "../../loader/index.ts";
import { command, type CommonOptions, linkageOption, type MakeCommand, printJson, useColor } from "../common.ts";
import { progress } from "../progress.ts";
import { renderChecks } from "../render/checks.ts";
import { style } from "../render/style.ts";

interface Options extends CommonOptions {
  readonly dev?: string;
  readonly linkage?: Linkage | "auto";
  readonly only?: string;
}

export const testCommand: MakeCommand = (io, result) =>
  command("test", "Runs the checks of a chain, as apply does before it swaps; touches no packet path.", [
    ["xdpgen test chain.yaml", "every check, each on a copy with maps of its own"],
    ["xdpgen test chain.yaml --only 'dns passes'", "one of them"],
    ["xdpgen test chain.yaml --dev eth0", "also those with `maps: live`, on the maps that are live on eth0"],
    ["xdpgen test chain.yaml --json", "outcome and differences of each, for CI"],
  ])
    .argument("<chain>", "path of a chain.yaml")
    .option("-d, --dev <interface>", "run checks with `maps: live` on the live maps of this interface")
    .option("--only <check>", "only the check of this name")
    .addOption(linkageOption("instead of the chain's"))
    .action(async (path: string, { dev, only, linkage, json, color }: Options) => {
      const chain = await io.library.loadChain(path);
      using shown = progress(io.err);
      const outcomes = await io.library.testChain(chain, {
        ...(dev !== undefined && { device: dev }),
        ...(only !== undefined && { only }),
        ...(linkage && { linkage }),
        begin: ({ name }) => {
          if (io.err.isTerminal) shown.step(`check ${name}`);
        },
      });
      shown[Symbol.dispose]();
      if (outcomes.some(failed)) result.status = 1;
      if (json) printJson(io, { chain: chain.name, ...counts(outcomes), checks: outcomes });
      else io.out.write(renderChecks(chain.name, outcomes, style(useColor(color, io, io.out))));
    });

const failed = ({ failures }: CheckOutcome): boolean => failures.length > 0;

function counts(outcomes: readonly CheckOutcome[]): Readonly<Record<"passed" | "failed" | "skipped", number>> {
  const skipped = outcomes.filter((outcome) => outcome.skipped !== undefined).length;
  const wrong = outcomes.filter(failed).length;
  return { passed: outcomes.length - wrong - skipped, failed: wrong, skipped };
}
