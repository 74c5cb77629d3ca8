/**
 * What contestants are given to do: a chain, and a packet that goes a known way through it. All of them do the same work, or
 * say why they cannot. Each axis varies one thing around a base, so that a difference has one cause.
 */
import type { Action, Edges } from "../../src/chain/index.ts";
import { ethernet, frame, icmpEcho, ipv4, payload, tcp } from "../../src/packets/index.ts";

export interface Work {
  readonly programs: number;
  /** `trivial`: bench/bpf/trivial.c each time. `real`: the ten programs of bpf/, in the order of `REAL`. */
  readonly kind: "trivial" | "real";
  readonly proceedOn: readonly Action[];
  /** `graph`: each program has an edge of its own for DROP, to the last program. */
  readonly shape: "line" | "graph";
  readonly counters: boolean;
  /** The program whose verdict ends the chain: it drops the packet, unless it is the last one, which passes it. */
  readonly decides: "first" | "middle" | "last";
}

const BASE: Work = {
  programs: 10,
  kind: "trivial",
  proceedOn: ["pass"],
  shape: "line",
  counters: false,
  decides: "last",
};

const AXES = {
  programs: [1, 2, 4, 8, 10, 16, 32, 64, 128, 250].map((programs) => ({ programs })),
  kind: [{ kind: "real" }],
  "proceed-on": [{ proceedOn: ["pass", "tx", "redirect"] }],
  shape: [{ shape: "graph" }],
  counters: [{ counters: true }],
  decides: [{ decides: "first" }, { decides: "middle" }],
} as const satisfies Readonly<Record<string, readonly Partial<Work>[]>>;

/** How much is measured: everything; what fits into a minute and shows each axis all the same; as little as runs at all. */
export type Scope = "full" | "quick" | "smoke";

/** The base is a point of the first axis. */
export const WORKS: readonly Work[] = Object.values(AXES).flatMap((points: readonly Partial<Work>[]) =>
  points.map((point): Work => ({ ...BASE, ...point })),
);

export function works(scope: Scope): readonly Work[] {
  if (scope === "full") return WORKS;
  return WORKS.filter(({ programs }) => (scope === "quick" ? [2, 10, 32] : [2]).includes(programs));
}

export const baseLength = BASE.programs;

export const isBase = (work: Work): boolean => nameOf(work) === nameOf(BASE);

/** `10 trivial, proceed-on pass, line, verdict of the last`: the key of a row, beside the contestant. */
export function nameOf({ programs, kind, proceedOn, shape, counters, decides }: Work): string {
  const parts = [`${programs} ${kind}`, `proceed-on ${proceedOn.join(" ")}`, shape, `verdict of the ${decides}`];
  return [...parts, ...(counters ? ["counters"] : [])].join(", ");
}

export const [DROP, PASS, TX] = [1, 2, 3] as const;

/** The index of the program that ends the chain. */
export function decider({ programs, decides }: Work): number {
  return { first: 0, middle: programs >> 1, last: programs - 1 }[decides];
}

/** The verdict that the packet must get: DROP or PASS. */
export const verdictOf = ({ decides }: Work): number => (decides === "last" ? PASS : DROP);

/** A segment of a TCP connection, which every real program passes with empty maps. */
export const PACKET: Uint8Array = frame(ethernet(), ipv4(), tcp({ dst: 443, flags: ["ack"] }), payload(40));

/** Bytes of a frame that the last trivial program asks for, where it decides: the packet has them. */
export const LASTS = 60;

/**
 * A packet that the last program alone does not pass, and the verdict that it must get: who does without that program would pass
 * the packet of the work too. Undefined where another program decides.
 */
export function proofOf({
  kind,
  decides,
}: Work): { readonly packet: Uint8Array; readonly verdict: number } | undefined {
  if (decides !== "last") return undefined;
  return kind === "trivial" ? { packet: PACKET.subarray(0, LASTS - 1), verdict: DROP } : { packet: PING, verdict: TX };
}

/** What the last of the real programs answers, and the others pass. */
const PING = frame(ethernet(), ipv4(), icmpEcho(), payload(40));

/** The edges of a program of a graph; undefined in a line, which has proceed-on. */
export function edgesOf({ shape, programs }: Work, index: number): Edges | undefined {
  if (shape === "line") return undefined;
  const isLast = index === programs - 1;
  return isLast ? { default: "return" } : { pass: "next", drop: `p${programs - 1}`, default: "return" };
}
