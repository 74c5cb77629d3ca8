/** `xdpgen build`: a chain as files. Asks nothing of the kernel, but for what its verifier says where it is asked to. */
import { InvalidArgumentError } from "commander";
import type { Linkage } from "../../chain/index.ts";
import { type DispatcherImage, groupsOf, LIMITS, planToC, planToDot, planToSvg } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import type { VerifiedImage } from "../../loader/index.ts";
import { command, type CommonOptions, linkageOption, type MakeCommand, oneOf, printJson, useColor } from "../common.ts";
import type { Io, Stream } from "../io.ts";
import { renderFigures } from "../render/figures.ts";
import { linkageReasons } from "../render/linkages.ts";
import { style } from "../render/style.ts";
import { warn } from "../render/warnings.ts";

const FORMATS = ["o", "asm", "c", "json", "dot", "svg", "passes"] as const;
type Format = (typeof FORMATS)[number];

/** How a file name goes on after the chain's name. */
const SUFFIX: Readonly<Record<Format, string>> = {
  o: ".bpf.o",
  asm: ".asm",
  c: ".bpf.c",
  json: ".json",
  dot: ".dot",
  svg: ".svg",
  passes: ".passes",
};

interface Options extends CommonOptions {
  readonly emit: readonly Format[];
  readonly output?: string;
  readonly linkage?: Linkage | "auto";
  readonly verify?: true;
}

export const buildCommand: MakeCommand = (io) =>
  command(
    "build",
    "Synthesises the dispatcher of a chain and writes it; asks nothing of the kernel but with --verify.",
    [
      ["xdpgen build chain.yaml", "write NAME.bpf.o, NAME being the chain's name"],
      ["xdpgen build chain.yaml -o edge.bpf.o --linkage call", "one object that needs no xdpgen to load"],
      ["xdpgen build chain.yaml --verify", "also have this machine's kernel verify it, and show what that takes"],
      ["xdpgen build chain.yaml --emit asm", "print the dispatcher's instructions"],
      ["xdpgen build chain.yaml --emit c", "print what it decides as C, to be read and audited"],
      ["xdpgen build chain.yaml --emit passes", "print each step from the chain to its instructions"],
      ["xdpgen build chain.yaml --emit svg > chain.svg", "draw it; `xdpgen graph` does so in a terminal"],
      ["xdpgen build chain.yaml --emit o,asm,json -o out/", "write three files into out/"],
    ],
  )
    .argument("<chain>", "path of a chain.yaml")
    .option("-o, --output <path>", "the file; a folder with several formats or a final slash; - is stdout")
    .option("--emit <formats>", "what to write, separated by commas: o, asm, c, json, dot, svg, passes", formats, ["o"])
    .addOption(linkageOption("instead of the chain's; auto is call here, or inline with prefer: speed"))
    .option("--verify", "load the dispatcher and each program and let them go, before anything is written; needs root")
    .action(async (path: string, options: Options) => {
      const chain = await io.library.loadChain(path);
      const image = await io.library.synthesise({ ...chain, linkage: options.linkage ?? chain.linkage }, {});
      const verified = options.verify && (await io.library.verifyImage(image));
      await write(io, image, groupsOf(chain), verified, options);
      for (const reason of [...linkageReasons(image.manifest.programs), ...emptySlots(image)]) {
        io.err.write(`${reason}\n`);
      }
      await warn(io, chain, options.color);
    });

/** What no object can bring along. */
function emptySlots({ slots }: DispatcherImage): readonly string[] {
  return slots.flatMap(({ program, array }) =>
    array === undefined
      ? []
      : `${program} is loaded already: who loads the object puts it into map ${array}, key 0; until then its slot returns 31`,
  );
}

function formats(list: string): readonly Format[] {
  const chosen = list.split(",").map((format) => oneOf(format.trim(), FORMATS) as Format);
  if (new Set(chosen).size < chosen.length) throw new InvalidArgumentError("A format is there twice.");
  return chosen;
}

type Groups = ReturnType<typeof groupsOf>;

async function write(
  io: Io,
  image: DispatcherImage,
  groups: Groups,
  verified: VerifiedImage | undefined,
  { emit, output, json, color }: Options,
): Promise<void> {
  const figures = (stream: Stream): void =>
    stream.write(renderFigures(image.figures, verified, stream.columns, style(useColor(color, io, stream))));
  const toStdout = output === "-" || (output === undefined && !json && emit.length === 1 && emit[0] !== "o");
  if (toStdout) {
    if (emit.length > 1) throw usage(`${emit.length} formats cannot share stdout: name a folder with --output`);
    if (json) throw usage("the output and --json cannot share stdout: name a file with --output");
    if (emit[0] === "o" && io.out.isTerminal)
      throw usage("an object is no text for a terminal: name a file with --output");
    io.out.write(emitted(image, emit[0]!, groups));
    if (verified) figures(io.err);
    return;
  }
  const files = emit.map((format) => ({
    format,
    path: pathOf(image, format, output, emit.length),
    data: emitted(image, format, groups),
  }));
  for (const { path, data } of files) await io.writeFile(path, data);
  if (json) {
    const written = files.map(({ format, path, data }) => ({ format, path, bytes: Buffer.byteLength(data) }));
    printJson(io, { ...describe(image), ...(verified && { verified }), files: written });
    return;
  }
  for (const { path, data } of files) io.out.write(`${path}: ${Buffer.byteLength(data)} bytes\n`);
  if (verified || emit.includes("o")) figures(io.out);
}

function pathOf(image: DispatcherImage, format: Format, output: string | undefined, count: number): string {
  const name = image.manifest.chain + SUFFIX[format];
  if (output === undefined) return name;
  return count > 1 || output.endsWith("/") ? `${output.replace(/\/*$/, "/")}${name}` : output;
}

function emitted(image: DispatcherImage, format: Format, groups: Groups): string | Uint8Array {
  switch (format) {
    case "o":
      return image.elf;
    case "asm":
      return image.listing;
    case "c":
      return planToC(image.plan);
    case "dot":
      return planToDot(image.plan, { groups });
    case "svg":
      return planToSvg(image.plan, { groups });
    case "passes":
      return image.passes;
    case "json":
      return `${JSON.stringify(describe(image), undefined, 2)}\n`;
  }
}

function describe({ manifest, main, slots, figures }: DispatcherImage): object {
  return {
    ...manifest,
    main,
    slots: slots.map((slot) => ({ ...slot, maps: Object.fromEntries(slot.maps) })),
    figures: { ...figures, limits: LIMITS },
  };
}

function usage(message: string): XdpgenError {
  return new XdpgenError("usage", message);
}
