/** The intrusion detection alone, on frames of every shape, by BPF_PROG_TEST_RUN. */
import { describe, expect, test } from "vitest";
import {
  ethernet,
  fragment6,
  frame,
  icmpEcho,
  ipv4,
  ipv6,
  options6,
  payload,
  tcp,
  udp,
  vlan,
  type Layer,
} from "../../../src/packets/index.ts";
import { kernelMissing, loadSample, type Sample, u64 } from "../../support/samples.ts";
import { DROP, options, PASS } from "./frames.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const ATTACK = payload("GET /../../etc/passwd");
const SIGNATURE = bytes("GET /../");
/** The beginning of a payload of one byte, and of the zeroes that fill its frame up to 60 bytes. */
const FILLED = Uint8Array.from([...bytes("q"), 0, 0, 0, 0, 0, 0, 0]);

function ids(globals = {}): Sample {
  const sample = loadSample("ids", globals);
  for (const signature of [SIGNATURE, FILLED]) sample.update("ids_signatures", signature, u64(0n));
  return sample;
}

const alerts = (sample: Sample): number =>
  sample.count("ids_signatures", SIGNATURE) + sample.count("ids_signatures", FILLED);

/** As Ethernet sends it: filled with zeroes to 60 bytes. */
function filled(data: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.max(60, data.length));
  whole.set(data);
  return whole;
}

const attacks: readonly (readonly [string, readonly Layer[]])[] = [
  ["over TCP", [ethernet(), ipv4(), tcp({ flags: ["ack"] }), ATTACK]],
  ["over UDP", [ethernet(), ipv4(), udp(), ATTACK]],
  ["over IPv6", [ethernet(), ipv6(), tcp(), ATTACK]],
  ["of eight bytes and no more", [ethernet(), ipv4(), udp(), payload(SIGNATURE)]],
  ["of eight bytes over TCP and IPv6", [ethernet(), ipv6(), tcp(), payload(SIGNATURE)]],
  ["behind IPv4 options", [ethernet(), ipv4({ options }), udp(), ATTACK]],
  ["behind extension headers", [ethernet(), ipv6(), options6({ header: 0 }), options6(), udp(), ATTACK]],
  ["in a packet of one fragment", [ethernet(), ipv6(), fragment6(), udp(), ATTACK]],
  ["in two VLANs", [ethernet(), vlan({ id: 1, service: true }), vlan({ id: 2 }), ipv4(), tcp(), ATTACK]],
];

describe.skipIf(kernelMissing())("ids", () => {
  test.each(attacks)("drops a listed payload %s", async (_name, layers) => {
    using sample = ids();
    expect((await sample.run(filled(frame(...layers)))).verdict).toBe(DROP);
    expect(sample.count("ids_signatures", SIGNATURE)).toBe(1);
  });

  test.each(attacks)("only counts a listed payload %s, when it was told so", async (_name, layers) => {
    using sample = ids({ alert_only: true });
    expect((await sample.run(filled(frame(...layers)))).verdict).toBe(PASS);
    expect(sample.count("ids_signatures", SIGNATURE)).toBe(1);
  });

  test.each<[string, readonly Layer[]]>([
    ["another payload", [ethernet(), ipv4(), tcp(), payload("GET /index.html")]],
    ["the signature further back", [ethernet(), ipv4(), tcp(), payload(" GET /../../etc/passwd")]],
    ["a short payload in a filled frame, over UDP", [ethernet(), ipv4(), udp(), payload("q")]],
    ["a short payload in a filled frame, over TCP", [ethernet(), ipv4(), tcp(), payload("q")]],
    ["the same over IPv6", [ethernet(), ipv6(), udp(), payload("q")]],
    ["what lies behind a datagram's own length", [ethernet(), ipv4(), udp({ length: 15 }), payload(SIGNATURE)]],
    ["what lies behind the packet's own length", [ethernet(), ipv4({ length: 47 }), tcp(), payload(SIGNATURE)]],
    ["a first fragment", [ethernet(), ipv4({ moreFragments: true }), udp(), ATTACK]],
    ["a later fragment", [ethernet(), ipv4({ fragmentOffset: 8, protocol: 17 }), ATTACK]],
    ["an IPv6 fragment", [ethernet(), ipv6(), fragment6({ more: true }), udp(), ATTACK]],
    ["ICMP", [ethernet(), ipv4(), icmpEcho(), ATTACK]],
    ["no IP at all", [ethernet(), ATTACK]],
  ])("passes %s", async (_name, layers) => {
    using sample = ids();
    const data = filled(frame(...layers));
    expect(await sample.run(data)).toEqual({ verdict: PASS, frame: data });
    expect(alerts(sample)).toBe(0);
  });

  test("passes what is cut short", async () => {
    using sample = ids();
    for (const layers of [
      [ethernet(), ipv4(), tcp(), payload(SIGNATURE)],
      [ethernet(), ipv6(), options6(), udp(), payload(SIGNATURE)],
    ]) {
      const whole = frame(...layers);
      for (let length = 14; length < whole.length; length++)
        expect([length, (await sample.run(whole.subarray(0, length))).verdict]).toEqual([length, PASS]);
      expect((await sample.run(whole)).verdict).toBe(DROP);
    }
  });
});
