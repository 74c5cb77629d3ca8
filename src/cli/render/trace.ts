/**
 * The way of packets through a chain, as a person wants to read it: two lines for each packet, and at the end how often each
 * edge was taken.
 *
 *        1      0.000000  tx            512 ns  firewall tx -> ids pass
 *           60 bytes: 192.0.2.1 > 192.0.2.2 ttl 64 / udp 40000 > 53 / 18 bytes
 */
import { ACTIONS, type Action, NO_VERDICT } from "../../chain/index.ts";
import type { TracedPacket } from "../../loader/index.ts";
import { describePacket, type Packet } from "../../packets/index.ts";
import type { Painter, Style } from "./style.ts";
import { renderTable, wrap } from "./table.ts";

export interface TraceView {
  readonly columns: number;
  readonly paint: Style;
}

/** `drop`; `no verdict` for 31; the number for what is no action. */
export function codeText(code: number): string {
  return ACTIONS[code] ?? (code === NO_VERDICT ? "no verdict" : `code ${code}`);
}

function painter(code: number, { actions, yellow }: Style): Painter {
  const action: Action | undefined = ACTIONS[code];
  return action ? actions[action] : yellow;
}

/** All of it: what the dispatcher and the tracing take is in it. */
export function nanosecondsOf({ steps }: TracedPacket): number {
  return steps.reduce((sum, { nanoseconds }) => sum + nanoseconds, 0);
}

/** Columns in front of what is said of the frame: the number's, and a gap. */
const INDENT = 10;

/** @param start the time of the first packet, which others are counted from */
export function renderPacket(
  packet: Packet,
  traced: TracedPacket | string,
  start: bigint | undefined,
  { columns, paint }: TraceView,
): string {
  const seconds = packet.time === undefined || start === undefined ? "" : secondsText(packet.time - start);
  const head = `${`${packet.index}`.padStart(INDENT - 2)} ${seconds.padStart(13)}`;
  const cut = packet.wireLength > packet.data.length ? ` of ${packet.wireLength}` : "";
  const frame = `${packet.data.length}${cut} bytes: ${describePacket(packet.data)}`;
  const lines = wrap(frame, Math.max(20, columns - INDENT));
  const below = lines.map((line) => `${" ".repeat(INDENT)}${paint.dim(line)}\n`).join("");
  if (typeof traced === "string") return `${head}  ${paint.red("not run:")} ${traced}\n${below}`;
  const { verdict, steps } = traced;
  const way = steps.map(({ program, code }) => `${program} ${painter(code, paint)(codeText(code))}`).join(" -> ");
  const time = `${nanosecondsOf(traced)} ns`.padStart(10);
  return `${head}  ${painter(verdict, paint)(codeText(verdict).padEnd(10))}${time}  ${way}\n${below}`;
}

/** `-0.000001`: captures are not always in order. */
function secondsText(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const micro = size / 1000n;
  return `${nanoseconds < 0n ? "-" : ""}${micro / 1_000_000n}.${`${micro % 1_000_000n}`.padStart(6, "0")}`;
}

/** How often a program returned a code, and where that led. */
export interface EdgeCount {
  readonly program: string;
  /** What it returned. */
  readonly outcome: string;
  /** The next program, or `return`; `return ACTION` where the chain's verdict was another one. */
  readonly to: string;
  readonly packets: number;
  /** Mean of what the program took, tracing included. */
  readonly nanoseconds: number;
}

export interface TraceSummary {
  readonly packets: number;
  /** Frames that the kernel did not run. */
  readonly refused: number;
  /** Packets by the chain's verdict, most first. */
  readonly verdicts: Readonly<Record<string, number>>;
  /** In the order in which they were first taken. */
  readonly edges: readonly EdgeCount[];
}

/** Counts while packets go by, and keeps none of them. */
export class TraceCounter {
  #packets = 0;
  #refused = 0;
  readonly #verdicts = new Map<string, number>();
  readonly #edges = new Map<string, Pick<EdgeCount, "program" | "outcome" | "to"> & { packets: number; sum: number }>();

  add(traced: TracedPacket | string): void {
    this.#packets++;
    if (typeof traced === "string") {
      this.#refused++;
      return;
    }
    const { verdict, steps } = traced;
    const said = codeText(verdict);
    this.#verdicts.set(said, (this.#verdicts.get(said) ?? 0) + 1);
    steps.forEach(({ program, code, nanoseconds }, index) => {
      const outcome = codeText(code);
      const to = steps[index + 1]?.program ?? (code === verdict ? "return" : `return ${said}`);
      const key = JSON.stringify([program, outcome, to]);
      const edge = this.#edges.get(key) ?? { program, outcome, to, packets: 0, sum: 0 };
      edge.packets++;
      edge.sum += nanoseconds;
      this.#edges.set(key, edge);
    });
  }

  summary(): TraceSummary {
    return {
      packets: this.#packets,
      refused: this.#refused,
      verdicts: Object.fromEntries([...this.#verdicts].toSorted((a, b) => b[1] - a[1])),
      edges: [...this.#edges.values()].map(({ sum, ...edge }) => ({
        ...edge,
        nanoseconds: Math.round(sum / edge.packets),
      })),
    };
  }
}

/** Ends with a line feed. */
export function renderSummary(
  { packets, refused, verdicts, edges }: TraceSummary,
  { columns, paint }: TraceView,
): string {
  const words = Object.entries(verdicts).map(([verdict, count]) => `${count} ${verdict}`);
  if (refused > 0) words.push(`${refused} not run`);
  const lines = [
    `${packets} ${packets === 1 ? "packet" : "packets"}${words.length > 0 ? `: ${words.join(", ")}` : ""}`,
  ];
  if (edges.length > 0) {
    const titles = ["PROGRAM", "RETURNED", "LED TO"].map((title) => ({ title, min: 8 }));
    const numbers = ["PACKETS", "MEAN NS"].map((title) => ({ title, align: "right" as const }));
    const rows = edges.map(({ program, outcome, to, packets: count, nanoseconds }) =>
      [program, outcome, to, count, nanoseconds].map(String),
    );
    lines.push("", ...renderTable([...titles, ...numbers], rows, columns, paint.bold));
  }
  return `${lines.join("\n")}\n`;
}
