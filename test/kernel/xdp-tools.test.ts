/**
 * Programs that nobody here wrote, as Debian's xdp-tools ships them compiled, in one chain with ours: real packets over veth,
 * maps filled by bpftool, and a swap in the middle.
 */
import { execFileSync } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import type { Program } from "../../src/chain/index.ts";
import { attach, type Attachment, openKernel } from "../../src/loader/index.ts";
import { ethernet, frame, ipv4, payload, udp } from "../../src/packets/index.ts";
import { chainOf, sampleProgram } from "../support/chains.ts";
import { counted } from "../support/counted.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { distributionObjects } from "../support/objects.ts";
import { u32 } from "../support/samples.ts";
import { traffic } from "../support/traffic.ts";
import { type Veth, veth } from "../support/veth.ts";

const FRAMES = 1000;
const objects = new Map(distributionObjects());

function filter(name: string): Program {
  return { name: name.replaceAll("_", "-"), object: `xdpfilt_${name}.o`, bytes: objects.get(`xdpfilt_${name}.o`)! };
}

const packet = (src: string, port: number): Uint8Array =>
  frame(ethernet(), ipv4({ src, dst: "10.9.0.9" }), udp({ src: 4000, dst: port }), payload(20));

function pinOf(live: Attachment, program: string, map: string): string {
  return live
    .status()
    .programs.find((p) => p.name === program)!
    .maps.find((m) => m.name === map)!.pin;
}

function bpftool(...args: readonly string[]): string {
  return execFileSync("bpftool", args, { encoding: "utf8" });
}

describe.skipIf(objects.size === 0).each(runnableLinkages)("xdp-filter's programs, linkage %s", (linkage) => {
  let pair: Veth | undefined;
  afterEach(() => {
    pair?.[Symbol.dispose]();
  });

  it("filter as their maps say, beside ours, and keep doing so across a swap", async () => {
    pair = veth("xtools");
    const chain = chainOf(
      [
        { ...filter("alw_ip"), priority: 10 },
        { ...filter("alw_udp"), priority: 20 },
        { ...sampleProgram("counter"), priority: 30 },
      ],
      { linkage, end: "drop" },
    );
    await using live = await attach(chain, pair.far);
    // Drop source 10.9.0.1 (flag 1: source), and UDP destination port 9 (flags 2 and 8: destination, UDP).
    const value = (flags: number): string[] => [...u32(flags), 0, 0, 0, 0].map(String);
    const update = (pin: string, key: readonly number[], flags: number): string =>
      bpftool("map", "update", "pinned", pin, "key", ...key.map(String), "value", ...value(flags));
    update(pinOf(live, "alw-ip", "filter_ipv4"), [10, 9, 0, 1], 1);
    update(pinOf(live, "alw-udp", "filter_ports"), [0, 9, 0, 0], 10);

    using source = traffic(openKernel(), pair.near);
    const passed = async (src: string, port: number): Promise<string> => {
      const before = counted(live.status());
      const sent = await source.send(packet(src, port), FRAMES);
      const arrived = counted(live.status()) - before;
      return arrived === sent ? "all" : arrived === 0 ? "none" : `${arrived} of ${sent}`;
    };
    const verdicts = async (): Promise<readonly string[]> => [
      await passed("10.9.0.1", 53),
      await passed("10.9.0.2", 9),
      await passed("10.9.0.2", 53),
    ];
    expect(await verdicts()).toEqual(["none", "none", "all"]);

    const swapped = await live.update({
      ...chain,
      programs: [...chain.programs, { ...sampleProgram("denylist"), priority: 5 }],
    });
    expect(swapped.outcome).toBe("swapped");
    const rule = ["key", ...[...u32(32), 10, 9, 0, 2].map(String), "value", ...Array(8).fill("0")];
    bpftool("map", "update", "pinned", pinOf(live, "denylist", "denylist_v4"), ...rule);
    expect(await verdicts()).toEqual(["none", "none", "none"]);

    await live.update(chain);
    expect(await verdicts()).toEqual(["none", "none", "all"]);
    await live.detach();
  });

  it("are seen by bpftool under their own names", async () => {
    pair = veth("xtools");
    await using live = await attach(
      chainOf([filter("dny_ip"), filter("alw_udp"), sampleProgram("echo")], { linkage }),
      pair.far,
    );
    const { dispatcher, programs } = live.status();
    const dump = bpftool("prog", "dump", "xlated", "id", `${dispatcher.id}`);
    const shown = {
      call: ["int xdpfilt_dny_ip(", "int xdpfilt_alw_udp(", "int xdp_echo("],
      freplace: ["int dny_ip(", "int alw_udp(", "int echo("],
      // No functions of theirs are left, but their lines are.
      inline: [
        "; dny-ip: pass -> alw-udp",
        "; alw-udp: pass -> echo",
        "; echo: return",
        "; icmp->type = ICMPV6_ECHO_REPLY;",
      ],
    };
    for (const text of shown[linkage]) expect(dump).toContain(text);
    for (const { id } of programs) {
      if (id !== undefined) expect(bpftool("prog", "show", "id", `${id}`)).toMatch(/: ext /);
    }
    await live.detach();
  });
});
