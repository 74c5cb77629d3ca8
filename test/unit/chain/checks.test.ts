/** Checks as values: what chain.yaml says, which frames they have, and chains made in code. */
import { describe, expect, it } from "vitest";
import { type Check, checkedChain, framesOfCheck, requireChain, withProgram } from "../../../src/chain/index.ts";
import { parsePacket } from "../../../src/packets/index.ts";
import { pcap } from "../../support/captures.ts";

const read = (checks: string) =>
  requireChain(`chain: x\nprograms: [{ name: a, object: a.o }]\nchecks:\n${checks}`, "folder/chain.yaml").checks!;

const data = [14, 15, 16].map((length) => Uint8Array.from({ length }, (_, i) => i));
const capture = pcap(data.map((one) => ({ data: one, wireLength: one.length, time: 0n })));
const check = (more: Partial<Check>): Check => {
  return { name: "it", packet: "in.pcap", expect: ["pass"], captures: { "in.pcap": capture }, ...more };
};

it("a check has one spelling", () => {
  expect(
    read(
      `
  - { name: a b, packet: in.pcap, frames: 2, expect: XDP_Drop, packet-after: ../out.pcapng, path: [a] }
  - { name: c, packet: eth / ipv4, expect: [31], maps: live, context: { interface: eth0, queue: 3 } }
  - { name: d, packet: "0200000000020200000000010800", expect: [tx, 7], packet-after: unchanged, context: { interface: 7 } }
`.replace("[tx, 7]", "7"),
    ),
  ).toEqual([
    { name: "a b", packet: "folder/in.pcap", frames: "2", expect: ["drop"], packetAfter: "out.pcapng", path: ["a"] },
    { name: "c", packet: "eth / ipv4", expect: [31], maps: "live", context: { interface: "eth0", queue: 3 } },
    {
      name: "d",
      packet: "0200000000020200000000010800",
      expect: [7],
      packetAfter: "unchanged",
      context: { interface: 7 },
    },
  ]);
});

describe("frames", () => {
  const shown = (one: Check) => framesOfCheck(one).map((f) => [f.index, f.data.length, f.expect, f.after?.length]);

  it("are those of the capture, each with what it expects", () => {
    expect(shown(check({}))).toEqual([
      [1, 14, "pass", undefined],
      [2, 15, "pass", undefined],
      [3, 16, "pass", undefined],
    ]);
    expect(shown(check({ frames: "2-3", expect: ["drop", 9], packetAfter: "unchanged" }))).toEqual([
      [2, 15, "drop", 15],
      [3, 16, 9, 16],
    ]);
    expect(shown(check({ frames: "3", packetAfter: "eth nopad" }))).toEqual([[3, 16, "pass", 14]]);
    expect(shown(check({ packetAfter: "in.pcap" })).map((one) => one[3])).toEqual([14, 15, 16]);
  });

  it("are one where the packet is a text", () => {
    expect(framesOfCheck(check({ packet: "eth / ipv4" }))).toEqual([
      { index: 1, data: parsePacket("eth / ipv4"), expect: "pass" },
    ]);
  });

  it.each<readonly [string, Partial<Check>, RegExp]>([
    ["too few", { frames: "3-4" }, /check `it` cannot run: it wants frames 3-4 of in\.pcap, which has 3/],
    [
      "verdicts",
      { expect: ["pass", "drop"] },
      /3 frames and 2 verdicts in `expect`: give one for all, or one for each/,
    ],
    ["afterwards", { frames: "1-2", packetAfter: "in.pcap" }, /2 frames and 3 frames in `packet-after`/],
    ["not read", { captures: {} }, /its capture in\.pcap has not been read: use `resolveChain`/],
    ["none", { captures: { "in.pcap": pcap([]) } }, /in\.pcap has no frames/],
    ["cut", { captures: { "in.pcap": pcap([{ data: data[0]!, wireLength: 99, time: 0n }]) } }, /frame 1 of .* was cut/],
  ])("are refused: %s", (_, more, message) => {
    expect(() => framesOfCheck(check(more))).toThrow(message);
  });
});

describe("in code", () => {
  const chain = (checks: readonly Check[]) =>
    ({
      name: "x",
      interfaces: [],
      mode: "auto",
      linkage: "auto",
      end: "verdict",
      programs: [{ name: "a", object: "a.o" }],
      checks,
    }) as const;

  it("they obey the same rules, and stay with the chain", () => {
    const mine = check({ packet: "in.pcap" });
    const made = withProgram(checkedChain(chain([mine])), { name: "b", object: "b.o" });
    expect(made.checks).toEqual([mine]);
    expect(made.checks![0]!.captures!["in.pcap"]).toBe(capture);
    expect(Object.isFrozen(mine.expect)).toBe(false);
    expect(() => checkedChain(chain([mine, check({ path: ["q"] })]))).toThrow(
      /two checks are named `it`\n.*the chain has no program `q`/,
    );
    expect(() => checkedChain(chain([check({ packet: "eth / udb" })]))).toThrow(
      /there is no layer `udb`.*did you mean `udp`/,
    );
  });
});
