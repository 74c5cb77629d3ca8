/** `xdpgen apply`: interfaces run the chain that a file declares. */
import { type Chain, LINKAGES, type Linkage, MODES, type Mode } from "../../chain/index.ts";
import { XdpgenError } from "../../errors.ts";
import type { SwapResult } from "../../loader/index.ts";
import { choice, collect, command, type CommonOptions, type MakeCommand, printJson } from "../common.ts";
import { progress } from "../progress.ts";

interface Options extends CommonOptions {
  readonly dev?: readonly string[];
  readonly linkage?: Linkage | "auto";
  readonly mode?: Mode | "auto";
  readonly replace?: true;
}

export const applyCommand: MakeCommand = (io, result) =>
  command("apply", "Makes interfaces run a chain: attaches it, or swaps what runs in one atomic step.", [
    ["xdpgen apply chain.yaml", "on the interfaces that the file lists"],
    ["xdpgen apply chain.yaml --dev eth0 --dev eth1", "on these instead"],
    ["xdpgen apply chain.yaml --dev eth0 --mode generic", "where the driver has no native XDP"],
  ])
    .argument("<chain>", "path of a chain.yaml")
    .option("-d, --dev <interface>", "instead of the chain's interfaces; may be given several times", collect)
    .addOption(choice("--linkage <linkage>", "instead of the chain's: auto, freplace or call", ["auto", ...LINKAGES]))
    .addOption(choice("--mode <mode>", "instead of the chain's: auto, native or generic", ["auto", ...MODES]))
    .option("--replace", "take the interface over from a program that is not xdpgen's")
    .action(async (path: string, options: Options) => {
      const said: string[] = [];
      const applied: object[] = [];
      using shown = progress(io.err);
      const chain = await io.library.loadChain(path);
      const devices = [...new Set(options.dev ?? chain.interfaces)];
      if (devices.length === 0) {
        throw new XdpgenError(
          "usage",
          `chain \`${chain.name}\` lists no interfaces: name one with --dev, or in ${path}`,
        );
      }
      // One that does not exist is an answer before the others are changed.
      if (devices.length > 1) await io.library.requireInterfaces(devices);
      const auto = (options.linkage ?? chain.linkage) === "auto";
      const done = { chain: chain.name, applied, messages: said };
      result.done = done;
      for (const device of devices) {
        shown.step(`${device}: loading ${count(chain.programs.length)} of chain ${chain.name}`);
        const swapped = await io.library.apply(chain, device, {
          ...(options.linkage && { linkage: options.linkage }),
          ...(options.mode && { mode: options.mode }),
          ...(options.replace && { replace: true }),
          report: (message) => {
            said.push(message);
            shown.note(message);
          },
        });
        const byAuto = swapped.image.manifest.programs.find(({ name }) => auto && !ownLinkage(chain, name));
        if (byAuto?.linkage === "call" && device === devices[0]) {
          const reason = `linkage auto is call here: ${await io.library.autoReason()}`;
          said.push(reason);
          shown.note(reason);
        }
        shown[Symbol.dispose]();
        if (options.json) applied.push(plain(device, swapped));
        else io.out.write(`${device}: ${sentence(swapped)}\n`);
      }
      if (options.json) printJson(io, done);
    });

function ownLinkage(chain: Chain, name: string): boolean {
  return (chain.programs.find((program) => program.name === name)?.linkage ?? "auto") !== "auto";
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
    case "unchanged":
      return `unchanged: ${what}`;
  }
}

function plain(device: string, { outcome, generation, mode, image }: SwapResult): object {
  return { interface: device, outcome, generation, mode, programs: image.manifest.programs };
}

function count(programs: number): string {
  return `${programs} program${programs === 1 ? "" : "s"}`;
}
