/** Checks decide whether a chain goes live, leave live maps alone unless they ask for them, and see what bpftool sees. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AttachmentStatus, type CheckOutcome, openKernel } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { parsePacket } from "../../src/packets/index.ts";
import { pcap } from "../support/captures.ts";
import { counted } from "../support/counted.ts";
import { lacking } from "../support/kernel-differences.ts";
import { loaderLinkages } from "../support/linkages.ts";
import { page } from "../support/published.ts";
import { kernelMissing } from "../support/samples.ts";
import { type Veth, veth } from "../support/veth.ts";
import { expectRefusal, json, run } from "./cli/command.ts";
import { expectUnchanged, type Folder, folder, snapshot } from "./cli/world.ts";

interface Tested {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly checks: readonly CheckOutcome[];
}

const PROGRAMS = ["denylist", "counter", "echo"];
const DNS = 'eth / ipv4 src=192.0.2.1 / udp dport=53 / "q"';

describe.skipIf(kernelMissing()).each(loaderLinkages)("checks of a chain by %s", (linkage) => {
  let pair: Veth;
  let here: Folder;
  beforeAll(() => void requireBpffs(openKernel(), () => {}));
  beforeEach(() => {
    pair = veth("xk");
    here = folder();
    for (const name of [...PROGRAMS, "ingress", "globals"]) here.object(name);
  });
  afterEach(async () => {
    await run(["detach", pair.far]);
    pair[Symbol.dispose]();
    here[Symbol.dispose]();
  });

  const chain = (checks: readonly object[], programs: readonly string[] = PROGRAMS): string => {
    const declared = programs.map((name, place) => ({ name, object: `${name}.bpf.o`, priority: 10 * (place + 1) }));
    // JSON is YAML.
    return here.write("chain.yaml", JSON.stringify({ chain: "xk", linkage, programs: declared, checks }));
  };
  const apply = (path: string) => run(["apply", path, "--dev", pair.far]);
  const test = async (path: string, ...more: readonly string[]): Promise<Tested> => {
    const { status, out } = await run(["test", path, "--json", ...more]);
    const tested = JSON.parse(out) as Tested;
    expect(status).toBe(tested.failed > 0 ? 1 : 0);
    return tested;
  };
  const live = async (): Promise<AttachmentStatus> =>
    (json(await run(["status", pair.far, "--json"])) as AttachmentStatus[])[0]!;
  /** Packets that the live counter has seen. */
  const seen = async (): Promise<number> => counted(await live());

  it("a failing check refuses the first chain, and leaves nothing", async () => {
    const before = snapshot();
    const refused = await apply(chain([{ name: "no dns", packet: DNS, expect: "drop" }]));
    expectRefusal(refused, 1, /1 of 1 check failed; nothing was changed/, /expected drop, got pass/, /192\.0\.2\.1/);
    await expectUnchanged(before);
  });

  it("a failing check refuses a swap, and the old chain runs on", async () => {
    expect((await apply(chain([{ name: "dns", packet: DNS, expect: "pass" }]))).status).toBe(0);
    const before = await live();
    const checks = [
      { name: "dns", packet: DNS, expect: "pass" },
      { name: "ping", packet: "eth / ipv4 / icmp", expect: "pass", path: PROGRAMS },
    ];
    expectRefusal(await apply(chain(checks, ["counter", "echo", "denylist"])), 1, "1 of 2 checks", "got tx", "path");
    expect(await live()).toEqual(before);
    const corrected = [checks[0]!, { ...checks[1]!, expect: "tx", path: ["counter", "echo"] }];
    expect((await apply(chain(corrected, ["counter", "echo", "denylist"]))).status).toBe(0);
    expect((await live()).generation).toBe(before.generation + 1);
  });

  it("leaves the counters of the live maps alone, unless a check asks for them", async () => {
    const check = { name: "dns", packet: DNS, expect: "pass" };
    const unattached = [{ ...check, maps: "live" }];
    expectRefusal(await run(["test", chain(unattached), "--dev", pair.far]), 1, `nothing on ${pair.far}`);
    expect((await apply(chain([check]))).status).toBe(0);
    expect(await seen()).toBe(0);
    // Another order, so that there is something to swap.
    expect((await apply(chain([{ ...check, path: ["counter", "denylist"] }], ["counter", "denylist"]))).status).toBe(0);
    await test(chain([check]), "--dev", pair.far);
    expect(await seen()).toBe(0);
    expect((await apply(chain([{ ...check, maps: "live" }]))).status).toBe(0);
    expect(await seen()).toBe(1);
    expect(await test(chain([{ ...check, maps: "live" }]))).toMatchObject({ passed: 0, skipped: 1 });
    expect(await seen()).toBe(1);
    expect(await test(chain([{ ...check, maps: "live" }]), "--dev", pair.far)).toMatchObject({ passed: 1, skipped: 0 });
    expect(await seen()).toBe(2);
  });

  it("sees what `bpftool prog run` sees in the live dispatcher", async () => {
    const ping = "eth / vlan id=5 / ipv4 / icmp seq=7";
    const frames = [DNS, "eth / ipv4 / icmp seq=7", "eth / ipv6 / icmpv6", ping].map((text) => parsePacket(text));
    expect((await apply(chain([]))).status).toBe(0);
    const { id } = (await live()).dispatcher;
    const witnessed = frames.map((data) => {
      const args = [
        "-j",
        "prog",
        "run",
        "id",
        `${id}`,
        "data_in",
        here.write("in", data),
        "data_out",
        `${here.path}/out`,
      ];
      const { retval } = JSON.parse(execFileSync("bpftool", args, { encoding: "utf8" })) as { readonly retval: number };
      return { retval, after: new Uint8Array(readFileSync(`${here.path}/out`)) };
    });
    expect(witnessed.map(({ retval }) => retval)).toContain(3);
    here.write("in.pcap", pcap(frames.map(captured)));
    here.write("out.pcap", pcap(witnessed.map(({ after }) => captured(after))));
    const all = {
      name: "all",
      packet: "in.pcap",
      expect: witnessed.map(({ retval }) => retval),
      "packet-after": "out.pcap",
    };
    expect(await test(chain([all]))).toMatchObject({ passed: 1, checks: [{ frames: frames.length }] });
    const wrong = { ...all, expect: "pass", "packet-after": "unchanged", frames: "2-3" };
    const { checks } = await test(chain([wrong]));
    expect(checks[0]!.failures.map(({ frame, verdict }) => [frame, verdict?.actual])).toEqual([
      [2, "tx"],
      [3, "tx"],
    ]);
  });

  it("gives programs the context that a check says", async (context) => {
    const index = openKernel().interfaceIndex(pair.far);
    const come = { packet: DNS, expect: index };
    const reason = lacking("frames that come in by a chosen interface");
    if (reason !== undefined) {
      const one = chain([{ ...come, name: "by name", context: { interface: pair.far } }], ["ingress"]);
      expectRefusal(await run(["test", one]), 2, /check `by name`, frame 1: .*the kernel is older than 5\.15/);
    }
    context.skip(reason !== undefined, reason);
    const checks = [
      { ...come, name: "by name", context: { interface: pair.far } },
      { ...come, name: "by index", context: { interface: index, queue: 0 } },
      { ...come, name: "without", expect: 1 },
    ];
    expect(await test(chain(checks, ["ingress"]))).toMatchObject({ passed: 3, failed: 0 });
    const broken = (from: object) => run(["test", chain([{ ...come, name: "far off", context: from }], ["ingress"])]);
    expectRefusal(await broken({ interface: "xk-9" }), 1, /check `far off`: there is no interface xk-9/);
    expectRefusal(await broken({ interface: pair.far, queue: 9 }), 2, /check `far off`, frame 1: .*no receive queue 9/);
  });

  it("begins each check with fresh maps, and keeps them from frame to frame", async () => {
    here.write("three.pcap", pcap(Array.from({ length: 3 }, () => captured(parsePacket(DNS)))));
    // The program's verdicts go through this list, by how many packets it has seen.
    const check = { packet: "three.pcap", expect: ["drop", "tx", "pass"] };
    const checks = [
      { ...check, name: "first" },
      { ...check, name: "second" },
    ];
    expect(await test(chain(checks, ["globals"]))).toMatchObject({ passed: 2 });
    expect(await test(chain(checks, ["globals"]), "--only", "second")).toMatchObject({ passed: 1 });
    expectRefusal(await run(["test", chain(checks, ["globals"]), "--only", "secnod"]), 2, "did you mean `second`");
  });

  it("says that a path is seen of linked programs, where they cannot be linked", async () => {
    // Each brings two maps of the 64 that one program may have.
    const programs = Array.from({ length: 33 }, (_, i) => ({ name: `c${i}`, object: "counter.bpf.o" }));
    const check = { name: "dns", packet: DNS, expect: "pass", path: programs.map(({ name }) => name) };
    const path = here.write("chain.yaml", JSON.stringify({ chain: "xk", linkage, programs, checks: [check] }));
    const linked = /^error: chain xk links programs that use 66 maps/;
    const expected = {
      freplace: /^error: check `dns` has a `path`: .*tracing links all programs by `call`.* use 66 maps/,
      call: linked,
      inline: linked,
    };
    expectRefusal(await run(["test", path]), 2, expected[linkage]);
  });

  it("refuses captures that do not fit", async () => {
    here.write("two.pcap", pcap([captured(parsePacket(DNS)), captured(parsePacket(DNS))]));
    here.write("none.pcap", pcap([]));
    const refused = async (check: object, ...words: readonly (string | RegExp)[]): Promise<void> =>
      expectRefusal(await run(["test", chain([{ name: "it", expect: "pass", ...check }])]), 2, ...words);
    await refused({ packet: "two.pcap", frames: "2-3" }, /wants frames 2-3 of .*two\.pcap, which has 2/);
    await refused({ packet: "two.pcap", expect: ["pass", "pass", "pass"] }, "2 frames and 3 verdicts");
    await refused({ packet: "none.pcap" }, "has no frames");
    await refused(
      { packet: "tow.pcap" },
      /chain\.yaml:1:\d+: error: check `it`: the capture tow\.pcap does not exist/,
      /\^ did you mean `?two\.pcap/,
    );
    await refused({ packet: "counter.bpf.o" }, "no hex digit");
  });

  it("docs/checks.md shows what happens", async () => {
    const { blocks } = page("checks.md");
    const [passed, failed] = blocks("text");
    const yaml = blocks("yaml")[0]!;
    const { out } = await run(["test", here.write("chain.yaml", yaml), "--linkage", linkage]);
    expect(`$ xdpgen test chain.yaml\n${out}`).toBe(passed);
    const other = here.write(
      "chain.yaml",
      yaml.replace("dst=192.0.2.1 / icmp reply", "dst=192.0.2.1 ttl=63 / icmp reply"),
    );
    expect((await run(["test", other, "--linkage", linkage])).out).toContain(failed);
  });
});

const captured = (data: Uint8Array): { data: Uint8Array; wireLength: number; time: bigint } => ({
  data,
  wireLength: data.length,
  time: 0n,
});
