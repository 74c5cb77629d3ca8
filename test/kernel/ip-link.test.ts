/**
 * What `build` writes for `call` and `inline` needs no xdpgen to run: `ip link`, with the libbpf that its package brings, puts
 * it on an interface, maps, data and counters with it.
 */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import type { Program } from "../../src/chain/index.ts";
import { synthesise } from "../../src/codegen/index.ts";
import { openKernel } from "../../src/loader/index.ts";
import { ethernet, frame, icmpEcho, ipv4, payload, udp } from "../../src/packets/index.ts";
import { chainOf, sampleProgram, testProgram } from "../support/chains.ts";
import { lacking } from "../support/kernel-differences.ts";
import { withFile } from "../support/llvm.ts";
import { kernelMissing } from "../support/samples.ts";
import { veth } from "../support/veth.ts";

const ip = (...words: readonly string[]): string => execFileSync("ip", words, { encoding: "utf8", stdio: "pipe" });

/** Why `ip link` cannot read these objects, printed once. */
function missing(): string | undefined {
  const reason =
    kernelMissing() ?? (/libbpf/.test(ip("-V")) ? undefined : "this ip was built without libbpf, it reads no BTF");
  if (reason) console.log(`SKIP ip link: ${reason}`);
  return reason;
}

const CHAINS: Readonly<Record<string, readonly Program[]>> = {
  edge: [sampleProgram("counter"), sampleProgram("denylist"), sampleProgram("ratelimit")],
  features: ["globals", "core", "map-in-map", "static-maps", "functions", "hidden"].map(testProgram),
  filters: [
    { ...sampleProgram("vlan-pop"), globals: { vlan_id: 7 } },
    sampleProgram("classify"),
    sampleProgram("ids"),
    sampleProgram("balancer"),
  ],
};
const PING = frame(ethernet(), ipv4(), icmpEcho(), payload(56));
const DATAGRAM = frame(ethernet(), ipv4(), udp(), payload(56));
const [PASS, TX] = [2, 3];

describe.skipIf(missing())("ip link set dev … xdp obj", () => {
  const cases = Object.keys(CHAINS).flatMap((name) =>
    (["call", "inline"] as const).flatMap((linkage) => [true, false].map((counters) => ({ name, linkage, counters }))),
  );

  it.for(cases)("$name by $linkage, counters $counters", async ({ name, linkage, counters }, context) => {
    const reason = name === "features" ? lacking("function addresses, and helpers that call back") : undefined;
    context.skip(reason !== undefined, reason);
    // Whatever the others make of a packet, it comes to the last one.
    const on = { default: "next" } as const;
    const programs = CHAINS[name]!.map((program, priority): Program => ({ ...program, on, priority }));
    const echo: Program = { ...sampleProgram("echo"), priority: programs.length };
    const image = synthesise(chainOf([...programs, echo], { name, linkage, counters }));
    using pair = veth("xi");
    withFile(image.elf, (path) => ip("link", "set", "dev", pair.far, "xdp", "obj", path, "sec", "xdp"));

    const [shown] = JSON.parse(ip("-j", "-d", "link", "show", pair.far)) as [
      { xdp: { mode: number; prog: { id: number; name: string } } },
    ];
    // XDP_ATTACHED_DRV (include/uapi/linux/if_link.h)
    expect(shown.xdp).toMatchObject({ mode: 1, prog: { name: image.main.slice(0, 15) } });
    const kernel = openKernel();
    using program = kernel.programById(shown.xdp.prog.id);
    expect(await kernel.testRun(program.number, { data: PING })).toMatchObject({ retval: TX });
    expect(await kernel.testRun(program.number, { data: DATAGRAM })).toMatchObject({ retval: PASS });
  });
});
