/** `xdpgen lint`: what of a chain is right and may not be meant. Asks nothing of the kernel. */
import { type Chain, warningsIn } from "../../chain/index.ts";
import type { Warning } from "../../codegen/index.ts";
import { command, type CommonOptions, type MakeCommand, printJson, useColor } from "../common.ts";
import { formatWarnings } from "../render/warnings.ts";

interface Options extends CommonOptions {
  readonly strict?: true;
}

export const lintCommand: MakeCommand = (io, result) =>
  command("lint", "Warns of what is right in a chain and may not be meant; asks nothing of the kernel.", [
    ["xdpgen lint chain.yaml", "each warning in its place"],
    ["xdpgen lint chain.yaml --strict", "in CI: exit status 2 where there is one"],
    ["xdpgen lint chain.yaml --json", "code, place and message of each"],
  ])
    .argument("<chain>", "path of a chain.yaml")
    .option("--strict", "end with status 2 where there is a warning")
    .action(async (path: string, { strict, json, color }: Options) => {
      const chain = await io.library.loadChain(path);
      const warnings = await io.library.lint(chain);
      if (strict && warnings.length > 0) result.status = 2;
      if (json) printJson(io, { chain: chain.name, warnings: plain(chain, warnings) });
      else {
        const text = formatWarnings(chain, warnings, useColor(color, io, io.out));
        io.out.write(text || `chain ${chain.name}: no warnings\n`);
      }
    });

/** With line and column where there is a text. */
function plain(chain: Chain, warnings: readonly Warning[]): readonly object[] {
  const { source } = chain;
  return warnings.map((warning) => {
    const { code, path, message, hint } = warning;
    return { code, severity: "warning", path, message, hint, ...(source && warningsIn(source, [warning])[0]) };
  });
}
