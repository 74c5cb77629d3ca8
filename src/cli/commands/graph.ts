/** `xdpgen graph`: a chain as a picture, declared or live. */
import { extname } from "node:path";
import { groupsOf, type Picture, pictureOfPlan } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { choice, command, type CommonOptions, type MakeCommand, printJson, useColor } from "../common.ts";
import type { Io } from "../io.ts";
import { drawPicture, livePicture, PICTURE_FORMATS, pictureFormat, type PictureFormat } from "../render/picture.ts";
import { isUnreadable, troubleTexts } from "../render/trouble.ts";

interface Options extends CommonOptions {
  readonly format?: PictureFormat;
  readonly output?: string;
  readonly dev?: string;
  readonly all?: true;
}

export const graphCommand: MakeCommand = (io) =>
  command("graph", "Draws a chain: its programs, and where each action leads.", [
    ["xdpgen graph chain.yaml", "in the terminal"],
    ["xdpgen graph chain.yaml -o chain.svg", "for a page of documentation, light or dark"],
    ["xdpgen graph --dev eth0", "the chain that runs on an interface"],
    ["xdpgen graph chain.yaml --format dot | dot -Tpdf > chain.pdf", "let Graphviz lay it out"],
  ])
    .argument("[chain]", "path of a chain.yaml")
    .option("-d, --dev <interface>", "draw the chain that runs on this interface instead")
    .addOption(
      choice(
        "--format <format>",
        "svg, dot or text (default: as the file is named; text on a terminal; svg)",
        PICTURE_FORMATS,
      ),
    )
    .option("-o, --output <path>", "the file; - or nothing is standard output")
    .option("--all", "also where 31 leads when it changes nothing: to the next program, or to PASS")
    .action(async (path: string | undefined, options: Options) => {
      const { dev, output = "-", json } = options;
      if ((path === undefined) === (dev === undefined))
        throw usage("name what to draw: a chain.yaml, or with --dev an interface that runs one");
      if (json && output === "-" && options.format)
        throw usage("--format and --json cannot share stdout: name a file with --output");
      // Before anything is read or asked: a picture in a file that says another format is of no use.
      const named = options.format ?? formatOf(output);
      const all = options.all ?? false;
      const picture = dev === undefined ? await declared(io, path!, all) : await live(io, dev, all);
      const format = named ?? (output === "-" && io.out.isTerminal ? "text" : "svg");
      const data = drawPicture(picture, format, output === "-" && useColor(options.color, io, io.out));
      if (output !== "-") await io.writeFile(output, data);
      if (json) printJson(io, { ...picture, ...(output !== "-" && { file: { path: output, format } }) });
      else if (output === "-") io.out.write(data);
      else io.out.write(`${output}: ${Buffer.byteLength(data)} bytes\n`);
    });

async function declared(io: Io, path: string, all: boolean): Promise<Picture> {
  const chain = await io.library.loadChain(path);
  return pictureOfPlan(await io.library.planChain(chain), { groups: groupsOf(chain), all });
}

/** A dispatcher does not say which groups its programs were declared in. */
async function live(io: Io, device: string, all: boolean): Promise<Picture> {
  const [attachment] = await io.library.status(device);
  if (!attachment) {
    const hint = `\`xdpgen apply CHAIN --dev ${device}\` attaches a chain`;
    throw new XdpgenError("not-attached", `xdpgen has nothing on ${device} that could be drawn: ${hint}`);
  }
  if (isUnreadable(attachment))
    throw new XdpgenError("environment", `cannot draw what runs on ${device}: ${troubleTexts(attachment).join("; ")}`);
  return livePicture(attachment, all);
}

/** What the end of the file's name says; a name may have none. */
function formatOf(output: string): PictureFormat | undefined {
  const format = pictureFormat(output);
  const ending = extname(output);
  if (format || ending === "") return format;
  throw usage(
    `no picture is written for the ending ${ending} of ${output}: end it with .svg, .dot, .gv or .txt, or say --format`,
  );
}

function usage(message: string): XdpgenError {
  return new XdpgenError("usage", message);
}
