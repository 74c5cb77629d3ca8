/**
 * Chains that users start from: their checks pass, none of their edges can be turned without a check that fails, and with
 * maps filled by the commands of docs/templates.md they do on real packets what it says.
 */
import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { type Linkage, requireChain } from "../../src/chain/index.ts";
import { lintChain } from "../../src/codegen/index.ts";
import { XdpgenError } from "../../src/errors.ts";
import { openKernel } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { parsePacket } from "../../src/packets/index.ts";
import { withBytes } from "../support/chains.ts";
import { loaderLinkages } from "../support/linkages.ts";
import { blocksOf } from "../support/published.ts";
import { kernelMissing, loadSample } from "../support/samples.ts";
import { docsOf, TEMPLATES, templatePath, templateText, wordsFor } from "../support/templates.ts";
import { traffic } from "../support/traffic.ts";
import { type Veth, veth } from "../support/veth.ts";
import { type Ended, run } from "./cli/command.ts";
import { EMULATED, folder, type Folder, skipInShort } from "./cli/world.ts";

const objects = fileURLToPath(new URL("../../bpf/.output/", import.meta.url));

/** The chain with the checks that its docs add, for a file in any folder. */
const withLiveChecks = (name: string): string =>
  `${templateText(name)}${docsOf(name).liveChecks}`.replaceAll("../bpf/.output/", objects);

/** The pin of a map. */
function pin(device: string, program: string, map: string): string {
  const words = `${wordsFor(device)}echo $at/${program}-*/maps/${map}`;
  return execFileSync("sh", ["-eu"], { input: words, encoding: "utf8" }).trim();
}

interface Entry {
  readonly value?: readonly string[];
  readonly values?: readonly { readonly value: readonly string[] }[];
}

/** The first 64-bit numbers of all values of a map, added up, as bpftool reads them. */
function total(path: string): number {
  const dump = execFileSync("bpftool", ["-j", "map", "dump", "pinned", path], { encoding: "utf8" });
  const values = (JSON.parse(dump) as Entry[]).flatMap(({ value, values: cpus = [] }) =>
    value ? [value] : cpus.map((cpu) => cpu.value),
  );
  return values.reduce((sum, value) => sum + Number(Buffer.from(value.map(Number)).readBigUInt64LE()), 0);
}

type Edges = Readonly<Record<string, string | { readonly to: string; readonly keep?: string }>>;

interface Written {
  readonly groups?: Readonly<Record<string, object>>;
  readonly programs: readonly { readonly name: string; readonly on?: Edges }[];
}

/**
 * The chain with each of its edges in turn leading elsewhere: what is declared to ABORTED, PASS and DROP that no edge names to
 * each other. One that keeps a verdict also keeps none. Edges that a program never takes are left out.
 */
function turned(text: string): readonly (readonly [edge: string, text: string])[] {
  const written = parse(text) as Written;
  const groups = Object.keys(written.groups ?? {}).map((group) => {
    const all = { ...written.groups, [group]: { end: "return aborted" } };
    return [`${group}.end`, { ...written, groups: all }] as const;
  });
  const programs = written.programs.flatMap((program, index) =>
    turnedEdges(program.on).map(([edge, on]) => {
      const all = written.programs.with(index, { ...program, on });
      return [`${program.name}.${edge}`, { ...written, programs: all }] as const;
    }),
  );
  // JSON is YAML.
  const texts = [...groups, ...programs].map(([edge, document]) => [edge, JSON.stringify(document)] as const);
  return texts.filter(([, changed]) => !neverTaken(changed));
}

function turnedEdges(on: Edges = { pass: "next" }): readonly (readonly [edge: string, on: Edges])[] {
  return Object.keys({ ...on, pass: "", drop: "" }).flatMap((action) => {
    const edge = on[action];
    const lead = (to: string): Edges => ({ ...on, [action]: to });
    if (edge === undefined) return [[action, lead(action === "drop" ? "return pass" : "return drop")]];
    const elsewhere = [action, lead("return aborted")] as const;
    return typeof edge === "string" ? [elsewhere] : [elsewhere, [`${action} unkept`, lead(edge.to)]];
  });
}

function neverTaken(text: string): boolean {
  try {
    return lintChain(withBytes(requireChain(text, "chain.yaml"))).some(({ code }) => code === "edge-never-taken");
  } catch (error) {
    // What the plan refuses is not linted.
    if (error instanceof XdpgenError) return false;
    throw error;
  }
}

const BURST = "a source over its limit has sent a burst, which no check does";

/** Edges that nobody sees turned, neither the checks of a template nor those of its docs, and why. */
const UNSEEN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  edge: { "ratelimit.drop": BURST },
  scrubbing: { "ratelimit.drop": BURST },
  tenants: { "classify.drop": "no VLAN is listed as DROP", "red-limit.drop": BURST, "blue-limit.drop": BURST },
  tap: { "ratelimit.drop": BURST, "ratelimit.drop unkept": BURST },
  "dual-stack": { "ratelimit.drop": BURST },
};

/** Frames of one packet, fewer than a burst. They are one batch, so that each is sent from memory of its own. */
const FEW = 50;
const ALL = FEW;
const NONE = 0;
const MANY = 20_000;

const CLIENT = "eth / ipv4 src=198.51.100.7 dst=192.0.2.10";
const LISTED = "ipv4 src=203.0.113.7 dst=192.0.2.10";
const ATTACK = '"GET /../../etc/passwd"';

/**
 * What so many frames of a packet do: to maps, `PROGRAM/MAP`, all their counters added up, and `sent back`, the frames that
 * come out of the interface again.
 */
const PACKETS: Readonly<
  Record<string, readonly (readonly [packet: string, change: Readonly<Record<string, number>>])[]>
> = {
  edge: [
    ["eth / ipv4 / icmp", { "counter/totals": ALL, "echo/echo_replies": ALL, "sent back": ALL }],
    [`eth / ${LISTED} / icmp`, { "denylist/denylist_v4": ALL, "echo/echo_replies": NONE, "sent back": NONE }],
  ],
  scrubbing: [
    [`${CLIENT} / tcp dport=443`, { "clean/totals": ALL, "balancer/balancer_packets": ALL, "sent back": ALL }],
    [`${CLIENT} / tcp dport=22`, { "clean/totals": ALL, "balancer/balancer_packets": NONE, "sent back": NONE }],
    [`eth / ${LISTED} / tcp dport=443`, { "arriving/totals": ALL, "denylist/denylist_v4": ALL, "clean/totals": NONE }],
    ["eth / ipv6 src=2001:db8:bad::1 / udp", { "denylist/denylist_v6": ALL, "clean/totals": NONE }],
  ],
  "ids-verdict": [
    [`${CLIENT} / tcp dport=443`, { "firewall/firewall_services": ALL, "ids/ids_signatures": NONE, "sent back": ALL }],
    [
      `${CLIENT} / tcp dport=443 / ${ATTACK}`,
      { "balancer/balancer_packets": ALL, "ids/ids_signatures": ALL, "sent back": NONE },
    ],
    [
      `${CLIENT} / tcp dport=23 / ${ATTACK}`,
      { "firewall/firewall_drops": ALL, "ids/ids_signatures": ALL, "sent back": NONE },
    ],
  ],
  tenants: [
    [`eth / vlan id=10 / ${LISTED} / tcp`, { "red-denylist/denylist_v4": ALL, "account/totals": NONE }],
    [`eth / vlan id=20 / ${LISTED} / tcp`, { "red-denylist/denylist_v4": NONE, "account/totals": ALL }],
    [`eth / vlan id=20 / ipv4 / tcp / ${ATTACK}`, { "blue-ids/ids_signatures": ALL, "account/totals": NONE }],
    [`eth / vlan id=10 / ipv4 / tcp / ${ATTACK}`, { "blue-ids/ids_signatures": NONE, "account/totals": ALL }],
    [
      `eth / ${LISTED} / tcp / ${ATTACK}`,
      { "red-denylist/denylist_v4": NONE, "account/totals": ALL, "sent back": NONE },
    ],
  ],
  tap: [
    ["eth / ipv4 / tcp dport=443", { "firewall/firewall_services": ALL, "accepted/totals": ALL }],
    ["eth / ipv4 / tcp dport=23", { "firewall/firewall_drops": ALL, "accepted/totals": NONE }],
  ],
  "dual-stack": [
    ["eth / ipv4 / tcp dport=443", { "firewall-v4/firewall_services": ALL, "accepted/totals": ALL }],
    ["eth / ipv6 / tcp dport=443", { "firewall-v6/firewall_services": ALL, "accepted/totals": ALL }],
    ["eth / ipv4 src=198.51.100.9 / tcp dport=22", { "firewall-v4/firewall_sources": ALL, "accepted/totals": ALL }],
    ["eth / ipv6 src=2001:db8:5::9 / udp", { "firewall-v6/firewall_sources": ALL, "accepted/totals": ALL }],
    [
      "eth / ipv6 / tcp dport=22",
      { "firewall-v4/firewall_drops": NONE, "firewall-v6/firewall_drops": ALL, "accepted/totals": NONE },
    ],
    ["eth / arp", { "accepted/totals": ALL }],
  ],
};

interface Filled extends AsyncDisposable {
  readonly pair: Veth;
  readonly here: Folder;
  /** `xdpgen test` of a text, on the maps that are filled. */
  readonly test: (text: string) => Promise<Ended>;
}

/** A template that runs on one end of a veth pair, its maps filled by the commands of its docs. */
async function filled(name: string, linkage: Linkage): Promise<Filled> {
  const pair = veth("xt");
  const here = folder();
  const dispose = async (): Promise<void> => {
    await run(["detach", pair.far]);
    pair[Symbol.dispose]();
    here[Symbol.dispose]();
  };
  try {
    const applied = await run(["apply", templatePath(name), "--dev", pair.far, "--linkage", linkage]);
    expect(applied).toMatchObject({ status: 0 });
    execFileSync("sh", ["-eu"], { input: wordsFor(pair.far) + docsOf(name).fill });
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    pair,
    here,
    test: (text) => run(["test", here.write("chain.yaml", text), "--dev", pair.far, "--linkage", linkage]),
    [Symbol.asyncDispose]: dispose,
  };
}

describe.skipIf(kernelMissing()).each(loaderLinkages)("by %s", (linkage) => {
  beforeAll(() => void requireBpffs(openKernel(), () => {}));

  it.each(TEMPLATES)("%s passes its checks", async (name) => {
    const { status, out, err } = await run(["test", templatePath(name), "--linkage", linkage]);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect(out).toMatch(/: [1-9]\d* passed, 0 failed\n$/);
  });

  it.for(TEMPLATES)("%s passes the checks that its docs add", async (name, { skip }) => {
    skip(EMULATED, "seen on the host: the same programs decide here on packets that come in");
    await using live = await filled(name, linkage);
    const { checks } = requireChain(withLiveChecks(name), "chain.yaml");
    const { status, out } = await live.test(withLiveChecks(name));
    expect({ status, out }).toMatchObject({ status: 0 });
    expect(out).toContain(`: ${checks!.length} passed, 0 failed\n`);
  });

  it.for(TEMPLATES)("%s has no edge that can be turned unseen", { timeout: 60_000 }, async (name, { skip }) => {
    skip(EMULATED, "seen on the host: edges mean the same on every kernel, and to turn them all takes minutes here");
    skip(linkage !== loaderLinkages[0], `seen by ${loaderLinkages[0]}: edges mean the same by every linkage`);
    await using live = await filled(name, linkage);
    const unseen: string[] = [];
    for (const [edge, text] of turned(withLiveChecks(name))) {
      const { status, out, err } = await live.test(text);
      // Where nothing leads to a program any more, the plan refuses the chain.
      if (status === 2) expect(err).toMatch(/nothing leads to program|can have been kept/);
      else if (status === 1) expect(out).toMatch(/^failed /m);
      else unseen.push(edge);
    }
    expect(unseen.toSorted()).toEqual(Object.keys(UNSEEN[name] ?? {}).toSorted());
  });

  it.for(TEMPLATES)("%s does on real packets what its docs say", async (name, context) => {
    skipInShort(
      context,
      "a run on this machine's own kernel has it by the other linkages, and this one the checks of each",
    );
    await using live = await filled(name, linkage);
    const { near, far } = live.pair;
    const kernel = openKernel();
    using back = loadSample("counter");
    using link = kernel.linkXdp(back.fd(), kernel.interfaceIndex(near), "native");
    expect(link.number).toBeGreaterThan(0);
    using source = traffic(kernel, near);
    const read = (counter: string): number => {
      const [program, map] = counter.split("/");
      return map === undefined ? back.count("totals") : total(pin(far, program!, map));
    };
    for (const [packet, change] of PACKETS[name]!) {
      const before = Object.keys(change).map((counter) => [counter, read(counter)] as const);
      expect(await source.send(parsePacket(packet), FEW)).toBe(FEW);
      await vi.waitFor(() => {
        const changed = before.map(([counter, was]) => [counter, read(counter) - was] as const);
        expect({ packet, ...Object.fromEntries(changed) }).toEqual({ packet, ...change });
      });
    }
  });

  it("scrubbing lets of a flood through what its limit says", async () => {
    await using live = await filled("scrubbing", linkage);
    using source = traffic(openKernel(), live.pair.near);
    const begin = performance.now();
    const sent = await source.send(parsePacket(`${CLIENT} / udp`), MANY);
    const seconds = (performance.now() - begin) / 1000;
    const clean = total(pin(live.pair.far, "clean", "totals"));
    expect(clean + total(pin(live.pair.far, "ratelimit", "ratelimit_drops"))).toBe(sent);
    expect(clean).toBeGreaterThanOrEqual(200);
    expect(clean).toBeLessThanOrEqual(Math.ceil(200 + 1000 * seconds));
  });

  it("tap has samples for the reader that its docs show", async (context) => {
    skipInShort(
      context,
      "its program has its map with any linkage; a run on this machine's own kernel has it by the others",
    );
    await using live = await filled("tap", linkage);
    const { near, far } = live.pair;
    const [code] = blocksOf(docsOf("tap").text, "c");
    const reader = `${live.here.path}/samples`;
    execFileSync("clang", ["-Wall", "-Werror", live.here.write("samples.c", code!), "-o", reader, "-lbpf"]);
    using source = traffic(openKernel(), near);
    const dropped = parsePacket("eth / ipv4 / tcp dport=23");
    const sent = await source.send(dropped, MANY);
    for (const [tap, oneIn] of [
      ["tap-drops", 16],
      ["tap-all", 1024],
    ] as const) {
      const taken = total(pin(far, tap, "samples_taken"));
      // Ten standard deviations: chance alone does not do that.
      expect(Math.abs(taken - sent / oneIn)).toBeLessThan(10 * Math.sqrt(sent / oneIn));
      const lines = await firstLines(reader, pin(far, tap, "samples"), taken);
      const index = openKernel().interfaceIndex(far);
      const line = `${Buffer.from(dropped).toString("hex")}  ${dropped.length} bytes, interface ${index}`;
      expect([lines.length, ...new Set(lines)]).toEqual([taken, line]);
    }
  });
});

/** The first lines that a program prints, as many as are wanted; it is ended then. */
async function firstLines(command: string, argument: string, count: number): Promise<readonly string[]> {
  const child = spawn(command, [argument], { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  try {
    for await (const line of createInterface(child.stdout)) if (lines.push(line) === count) break;
    return lines;
  } finally {
    child.kill();
  }
}
