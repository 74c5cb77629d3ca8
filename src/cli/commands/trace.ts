/** `xdpgen trace`: captured packets through a chain, and the way that each takes. Touches no interface. */
import { InvalidArgumentError } from "commander";
import { type Chain, NO_VERDICT } from "../../chain/index.ts";
import { groupsOf, type Picture, pictureOfPlan, withCounts } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import type { PacketContext, TracedPacket, Tracer } from "../../loader/index.ts";
import { CaptureReader, describeFrame, type Packet } from "../../packets/index.ts";
import { command, type CommonOptions, type MakeCommand, printJson, useColor } from "../common.ts";
import { inputName, type Io } from "../io.ts";
import { progress } from "../progress.ts";
import { drawPicture, pictureFormat, type PictureFormat } from "../render/picture.ts";
import { style } from "../render/style.ts";
import {
  codeText,
  nanosecondsOf,
  renderPacket,
  renderSummary,
  TraceCounter,
  type TraceSummary,
} from "../render/trace.ts";
import { warn } from "../render/warnings.ts";

interface Options extends CommonOptions {
  readonly limit?: number;
  readonly summary?: true;
  readonly graph?: string;
  readonly in?: string;
  readonly queue?: number;
}

export const traceCommand: MakeCommand = (io) =>
  command("trace", "Runs captured packets through a chain and shows the way of each; touches no interface.", [
    ["xdpgen trace chain.yaml capture.pcap", "each packet: programs, what they returned, the verdict"],
    ["xdpgen trace chain.yaml capture.pcapng --summary", "how often each edge was taken"],
    ["xdpgen trace chain.yaml capture.pcap --summary --graph chain.svg", "and draw them on the edges"],
    ["tcpdump -i eth0 -w - --immediate-mode | xdpgen trace chain.yaml -", "what the chain would do, as packets come"],
    ["xdpgen trace chain.yaml capture.pcap --json | jq '.packets[] | select(.verdict == \"drop\")'", "for scripts"],
  ])
    .argument("<chain>", "path of a chain.yaml")
    .argument("<capture>", "path of a pcap or pcapng file of Ethernet frames; - is stdin")
    .option("--limit <packets>", "stop after so many", count)
    .option("--summary", "only the counts at the end")
    .option("--graph <path>", "also draw the chain, with the packets on its edges: .svg, .dot or .txt")
    .option("--in <interface>", "where packets are said to come in; without it, the loopback")
    .option("--queue <number>", "the receive queue of that interface; without it, 0", count)
    .addHelpText(
      "after",
      "\nThe chain is loaded beside what runs, with maps of its own that start empty, and its programs are linked into it.\n" +
        "Times are nanoseconds of this machine, the tracing included.",
    )
    .action(async (path: string, capture: string, options: Options) => {
      const format = options.graph === undefined ? undefined : formatOf(options.graph);
      const chain = await io.library.loadChain(path);
      const context = await contextOf(io, options);
      await warn(io, chain, options.color);
      using tracer = await io.library.openTracer(chain);
      const view = { columns: io.out.columns, paint: style(useColor(options.color, io, io.out)) };
      const counter = new TraceCounter();
      const shown: object[] = [];
      let start: bigint | undefined;
      for await (const packet of packetsOf(io, capture, options)) {
        const traced = await run(tracer, packet, context);
        counter.add(traced);
        start ??= packet.time;
        if (options.summary) continue;
        if (options.json) shown.push(describe(packet, traced));
        else io.out.write(renderPacket(packet, traced, start, view));
      }
      const summary = counter.summary();
      if (format) await io.writeFile(options.graph!, drawPicture(await counted(io, chain, summary), format, false));
      if (options.json) {
        printJson(io, { chain: chain.name, ...(!options.summary && { packets: shown }), summary });
      } else io.out.write(`${options.summary || summary.packets === 0 ? "" : "\n"}${renderSummary(summary, view)}`);
    });

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a number.");
  return Number(text);
}

function formatOf(path: string): PictureFormat {
  const format = pictureFormat(path);
  if (!format) throw new XdpgenError("usage", `${path} does not say what to draw: end it with .svg, .dot or .txt`);
  return format;
}

/** The chain's picture with the packets of the trace. */
async function counted(io: Io, chain: Chain, { edges }: TraceSummary): Promise<Picture> {
  const all = edges.some(({ outcome }) => outcome === codeText(NO_VERDICT));
  const picture = pictureOfPlan(await io.library.planChain(chain), { groups: groupsOf(chain), all });
  return withCounts(picture, (program, outcome) => {
    const word = outcome === "no-verdict" ? codeText(NO_VERDICT) : outcome;
    const taken = edges.filter((edge) => edge.program === program && edge.outcome === word);
    return taken.reduce((sum, { packets }) => sum + packets, 0);
  });
}

async function contextOf(io: Io, { in: device, queue }: Options): Promise<PacketContext> {
  if (device === undefined) {
    if (queue === undefined) return {};
    throw new XdpgenError("usage", "--queue is of an interface: name it with --in");
  }
  return { ifindex: await io.library.interfaceIndex(device), ...(queue !== undefined && { queue }) };
}

/** As they come, with a word now and then on a terminal that shows nothing else of them. */
async function* packetsOf(
  io: Io,
  capture: string,
  { limit = Infinity, summary, json }: Options,
): AsyncGenerator<Packet> {
  using live = progress(io.err);
  const silent = (summary === true || json === true) && io.err.isTerminal;
  const reader = new CaptureReader(inputName(capture));
  if (limit === 0) return;
  for await (const bytes of io.openInput(capture)) {
    for (const packet of reader.push(bytes)) {
      if (io.unheard.aborted) return;
      if (silent && packet.index % 1000 === 0) live.step(`${packet.index} packets`);
      yield packet;
      if (packet.index >= limit) return;
    }
  }
  if (!io.unheard.aborted) reader.end();
}

/** What became of it, or why the kernel did not run it. */
async function run(tracer: Tracer, { data }: Packet, context: PacketContext): Promise<TracedPacket | string> {
  try {
    return await tracer.run(data, context);
  } catch (error) {
    if (error instanceof XdpgenError && error.code === "packet-invalid") return error.message;
    throw error;
  }
}

function describe({ index, time, data, wireLength }: Packet, traced: TracedPacket | string): object {
  const packet = {
    number: index,
    ...(time !== undefined && { time: time.toString() }),
    bytes: data.length,
    wireLength,
    frame: describeFrame(data),
  };
  if (typeof traced === "string") return { ...packet, refused: traced };
  const { verdict, steps } = traced;
  return {
    ...packet,
    verdict: codeText(verdict),
    nanoseconds: nanosecondsOf(traced),
    steps: steps.map(({ program, code, nanoseconds }) => ({ program, code, returned: codeText(code), nanoseconds })),
  };
}
