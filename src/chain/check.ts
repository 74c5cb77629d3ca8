/**
 * Checks of a chain: packets and what the chain must make of them. In: a check of chain.yaml, or of a chain made in code. Out:
 * the frames that it runs. Nothing here runs a packet.
 */
import { XdpgenError } from "../errors.ts";
import { type Packet, parsePacket, readCapture } from "../packets/index.ts";
import type { Action } from "./chain.ts";

/** A proof that is run before the chain goes live. docs/checks.md has the syntax. */
export interface Check {
  /** Unique among the checks of the chain; any text of one line. */
  readonly name: string;
  /** The path of a capture (it ends in `.pcap`, `.pcapng` or `.cap`), layers, or hex. */
  readonly packet: string;
  /** Of a capture: the frames to run, `3` or `2-5`, counted from 1. Default: all. */
  readonly frames?: string;
  /** An action or a return code; one for all frames, or one for each. */
  readonly expect: readonly (Action | number)[];
  /** How the frame must be afterwards: one for all, or one for each; as `packet`, or `unchanged`. */
  readonly packetAfter?: string;
  /** The programs that must run, in order; the same for all frames. */
  readonly path?: readonly string[];
  readonly context?: {
    /** The interface that the frame comes in at: its name, or its index. Default: the loopback. */
    readonly interface?: string | number;
    /** Its receive queue. Default 0. */
    readonly queue?: number;
  };
  /**
   * `fresh`: the maps of a copy of the dispatcher that nobody else uses, as they are when it is loaded. `live`: the maps
   * that will be live, which the check reads and changes. Default `fresh`.
   */
  readonly maps?: "fresh" | "live";
  /** The bytes of the captures that it names, by path, once read. `loadChain` reads them. */
  readonly captures?: Readonly<Record<string, Uint8Array>>;
}

/** One frame of a check. */
export interface CheckFrame {
  /** Its place in its capture, from 1. */
  readonly index: number;
  readonly data: Uint8Array;
  readonly expect: Action | number;
  readonly after?: Uint8Array;
}

export const UNCHANGED = "unchanged";

/** Whether a packet's text is the path of a capture. */
export function isCapture(packet: string): boolean {
  return /\.(?:pcap|pcapng|cap)$/i.test(packet);
}

/** The captures that a check names, by path. */
export function capturesOf(check: Check): readonly string[] {
  return [check.packet, check.packetAfter ?? UNCHANGED].filter(isCapture);
}

/**
 * The frames of a check, each with what it expects.
 *
 * @throws XdpgenError `packet-invalid` for a capture that cannot be used, or whose frames are fewer than the check says
 */
export function framesOfCheck(check: Check): readonly CheckFrame[] {
  const { name, expect, packetAfter } = check;
  const packets = inRange(packetsOf(check, check.packet), check);
  const each = <T>(values: readonly T[], what: string): ((place: number) => T) => {
    if (values.length !== 1 && values.length !== packets.length) {
      const counted = `${packets.length} frame${packets.length === 1 ? "" : "s"}`;
      throw unusable(name, `it has ${counted} and ${values.length} ${what}: give one for all, or one for each`);
    }
    return (place) => values[values.length === 1 ? 0 : place]!;
  };
  const verdict = each(expect, "verdicts in `expect`");
  const after =
    packetAfter === undefined
      ? undefined
      : packetAfter === UNCHANGED
        ? (place: number) => packets[place]!.data
        : each(
            packetsOf(check, packetAfter).map(({ data }) => data),
            "frames in `packet-after`",
          );
  return packets.map(({ index, data }, place) => {
    return { index, data, expect: verdict(place), ...(after && { after: after(place) }) };
  });
}

type Some = Pick<Packet, "index" | "data">;

function packetsOf(check: Check, text: string): readonly Some[] {
  if (!isCapture(text)) return [{ index: 1, data: parsePacket(text) }];
  const bytes = check.captures?.[text];
  if (!bytes) throw unusable(check.name, `its capture ${text} has not been read: use \`resolveChain\``);
  const packets = readCapture(bytes, text);
  const cut = packets.find(({ data, wireLength }) => data.length < wireLength);
  if (cut)
    throw unusable(check.name, `frame ${cut.index} of ${text} was cut when it was captured: capture whole frames`);
  return packets;
}

function inRange(packets: readonly Some[], { name, packet, frames }: Check): readonly Some[] {
  if (packets.length === 0) throw unusable(name, `${packet} has no frames`);
  if (frames === undefined) return packets;
  const [first, last = first] = frames.split("-").map(Number) as [number, number?];
  if (last > packets.length)
    throw unusable(name, `it wants frames ${frames} of ${packet}, which has ${packets.length}`);
  return packets.slice(first - 1, last);
}

function unusable(name: string, reason: string): XdpgenError {
  return new XdpgenError("packet-invalid", `check \`${name}\` cannot run: ${reason}`);
}
