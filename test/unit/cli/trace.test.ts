/** `xdpgen trace` over a tracer that says what each frame's first byte makes it say. */
import { describe, expect, it } from "vitest";
import { planChain } from "../../../src/codegen/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import type { PacketContext, Tracer } from "../../../src/loader/index.ts";
import { ethernet, frame, ipv4, payload, udp } from "../../../src/packets/index.ts";
import { pcap, pcapng } from "../../support/captures.ts";
import { chainOf, testProgram } from "../../support/chains.ts";
import { run } from "./fake.ts";

const FRAMES = [1, 2, 3].map((size, index) => {
  const data = frame(ethernet(), ipv4(), udp(), payload(size));
  return {
    data,
    wireLength: data.length + (index === 2 ? 1400 : 0),
    time: 1_700_000_000_000_000_000n + BigInt(index) * 1_500_000n,
  };
});
const SHORT = { data: new Uint8Array(3), wireLength: 3, time: 1_700_000_000_000_000_000n };

/** denylist passes all but frames of one byte, which it drops; counter says 31, and the chain passes. */
function tracer(contexts: PacketContext[] = []): Tracer {
  return {
    async run(data, context = {}) {
      contexts.push(context);
      if (data.length < 14) throw new XdpgenError("packet-invalid", "the frame is too short");
      const drops = data.length === FRAMES[0]!.data.length;
      const denylist = { program: "denylist", code: drops ? 1 : 2, nanoseconds: 40 };
      const steps = drops ? [denylist] : [denylist, { program: "counter", code: 31, nanoseconds: 60 }];
      return { verdict: drops ? 1 : 2, steps, data };
    },
    [Symbol.dispose]() {},
  };
}

const world = (capture: Uint8Array, contexts?: PacketContext[]): Parameters<typeof run>[1] => ({
  library: {
    openTracer: async () => tracer(contexts),
    interfaceIndex: async (device) => (device === "eth0" ? 7 : 8),
  },
  inputs: { "a.pcap": capture, "-": capture },
});

describe("xdpgen trace", () => {
  it("shows the way of each packet, and how often each edge was taken", async () => {
    const { out, status } = await run("trace c.yaml a.pcap", world(pcapng([...FRAMES, SHORT])));
    expect(status).toBe(0);
    expect(out).toBe(
      [
        "       1      0.000000  drop           40 ns  denylist drop",
        "          43 bytes: 192.0.2.1 > 192.0.2.2 ttl 64 / udp 40000 > 9 / 1 bytes",
        "       2      0.001500  pass          100 ns  denylist pass -> counter no verdict",
        "          44 bytes: 192.0.2.1 > 192.0.2.2 ttl 64 / udp 40000 > 9 / 2 bytes",
        "       3      0.003000  pass          100 ns  denylist pass -> counter no verdict",
        "          45 of 1445 bytes: 192.0.2.1 > 192.0.2.2 ttl 64 / udp 40000 > 9 / 3",
        "          bytes",
        "       4      0.000000  not run: the frame is too short",
        "          3 bytes: 3 bytes",
        "",
        "4 packets: 2 pass, 1 drop, 1 not run",
        "",
        "PROGRAM   RETURNED    LED TO       PACKETS  MEAN NS",
        "denylist  drop        return             1       40",
        "denylist  pass        counter            2       40",
        "counter   no verdict  return pass        2       60",
        "",
      ].join("\n"),
    );
  });

  it("--summary, --limit and stdin", async () => {
    const { out } = await run("trace c.yaml - --summary --limit 1", world(pcap(FRAMES)));
    expect(out.split("\n")[0]).toBe("1 packet: 1 drop");
    expect(out).not.toContain("bytes");
  });

  it("--json", async () => {
    const { out } = await run("trace c.yaml a.pcap --json", world(pcap(FRAMES)));
    const { packets, summary } = JSON.parse(out) as { packets: object[]; summary: object };
    expect(packets).toHaveLength(3);
    expect(packets[1]).toMatchObject({
      number: 2,
      time: "1700000000001500000",
      verdict: "pass",
      nanoseconds: 100,
      steps: [
        { program: "denylist", code: 2, returned: "pass" },
        { program: "counter", code: 31, returned: "no verdict" },
      ],
    });
    expect(summary).toMatchObject({ packets: 3, refused: 0, verdicts: { pass: 2, drop: 1 } });
  });

  it("--graph draws the chain with the packets on its edges", async () => {
    const programs = ["denylist", "counter"].map((name) => ({ ...testProgram("verdict"), name }));
    const library = {
      ...world(pcap(FRAMES))!.library,
      loadChain: async () => chainOf(programs),
      planChain: async () => planChain(chainOf(programs)),
    };
    const given = { ...world(pcap(FRAMES)), library };
    const { files } = await run("trace c.yaml a.pcap --graph out/way.txt", given);
    expect(files.get("out/way.txt")).toBe(
      [
        "packet",
        "  │",
        "  ▼",
        "denylist ──▶ aborted, drop 1, tx, redirect: return",
        "  │ pass 2, 31",
        "  ▼",
        "counter ───▶ any action: return",
        "        ───▶ 31 2: return pass",
        "",
      ].join("\n"),
    );
    const { err, status } = await run("trace c.yaml a.pcap --graph way.jpg", given);
    expect(err).toMatch(/way\.jpg does not say what to draw/);
    expect(status).toBe(2);
  });

  it("says to the kernel where packets come from", async () => {
    const contexts: PacketContext[] = [];
    await run("trace c.yaml a.pcap --in eth0 --queue 3 --limit 1", world(pcap(FRAMES), contexts));
    expect(contexts).toEqual([{ ifindex: 7, queue: 3 }]);
  });

  it.each([
    ["trace c.yaml a.pcap --queue 3", /--queue is of an interface: name it with --in/],
    ["trace c.yaml a.pcap --limit some", /It must be a number/],
    ["trace c.yaml", /missing required argument 'capture'/],
  ])("%s is refused", async (line, message) => {
    const { err, status } = await run(line, world(pcap(FRAMES)));
    expect(err).toMatch(message);
    expect(status).toBe(2);
  });

  it("shows what came before a mistake in the file", async () => {
    const { out, err, status } = await run("trace c.yaml a.pcap", world(pcap(FRAMES).subarray(0, -1)));
    expect(out.match(/^ +\d+ {2}/gm)).toHaveLength(2);
    expect(err).toMatch(/a\.pcap: at byte \d+: it ends within a frame/);
    expect(status).toBe(2);
  });
});
