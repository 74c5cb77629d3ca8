/** `xdpgen plan`: what `apply` would do, and nothing done. */
import { type Linkage, MODES, type Mode } from "../../chain/index.ts";
import type { Preview } from "../../loader/index.ts";
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
import { changesNothing, renderPlan } from "../render/plan.ts";
import { style } from "../render/style.ts";
import { warn } from "../render/warnings.ts";
import { devicesOf, reasons } from "./apply.ts";

interface Options extends CommonOptions {
  readonly dev?: readonly string[];
  readonly linkage?: Linkage | "auto";
  readonly mode?: Mode | "auto";
  readonly replace?: true;
  readonly exitCode?: true;
}

/** With `--exit-code`. 1 and 2 are taken: the world said no, and wrong input. */
const DIFFERS = 3;
const REFUSED = 1;

export const planCommand: MakeCommand = (io, result) =>
  command("plan", "Compares a chain with what interfaces run: what apply would do. Changes nothing.", [
    ["xdpgen plan chain.yaml", "on the interfaces that the file lists"],
    ["xdpgen plan chain.yaml --dev eth0 --exit-code", "for a script: 0 nothing to change, 3 something"],
    ["xdpgen plan chain.yaml --json | jq '.planned[].outcome'", "created, swapped, replaced or unchanged"],
  ])
    .argument("<chain>", "path of a chain.yaml")
    .option("-d, --dev <interface>", "instead of the chain's interfaces; may be given several times", collect)
    .addOption(linkageOption("as for apply"))
    .addOption(choice("--mode <mode>", "auto, native or generic, as for apply", ["auto", ...MODES]))
    .option("--replace", "take the interface over from a program that is not xdpgen's, as for apply")
    .option(
      "--exit-code",
      "exit with 3 where something would change, 0 where nothing; 1 is where apply would refuse, 2 for wrong input",
    )
    .action(async (path: string, options: Options) => {
      const { linkage, mode, replace } = options;
      const given = { ...(linkage && { linkage }), ...(mode && { mode }), ...(replace && { replace }) };
      const chain = await io.library.loadChain(path);
      await warn(io, chain, options.color);
      const planned: Preview[] = [];
      const view = { columns: io.out.columns, paint: style(useColor(options.color, io, io.out)) };
      result.done = { chain: chain.name, planned };
      for (const preview of await io.library.preview(chain, devicesOf(chain, options.dev, path), given)) {
        if (!options.json) io.out.write(`${planned.length > 0 ? "\n" : ""}${renderPlan(preview, view)}`);
        planned.push(preview);
      }
      const differs = planned.some((preview) => !changesNothing(preview));
      const declared = planned[0]!.difference.programs.flatMap(({ kind, program }) =>
        kind === "out" ? [] : [program],
      );
      const why = differs ? await reasons(io, chain, linkage, declared) : [];
      for (const reason of why) io.err.write(`${reason}\n`);
      if (options.json) printJson(io, result.done);
      if (planned.some(({ obstacle }) => obstacle !== undefined)) result.status = REFUSED;
      else if (options.exitCode && differs) result.status = DIFFERS;
    });
