/**
 * A program does bit for bit the same wherever its code is: alone, called, inlined, extended or tail-called. The same random packets go
 * through each program alone, and through a chain of it between two neighbours, for every linkage; verdicts, packets and
 * the contents of all its maps must be equal. bpftool reads the maps.
 */
import { existsSync } from "node:fs";
import { release } from "node:os";
import { describe, expect, it } from "vitest";
import type { Linkage, Program } from "../../src/chain/index.ts";
import { sampleProgram, testProgram } from "../support/chains.ts";
import { alone, amongNeighbours, type Entry, observed } from "../support/equivalence.ts";
import { lacking } from "../support/kernel-differences.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { distributionObjects } from "../support/objects.ts";
import { kernelMissing, u32, u64 } from "../support/samples.ts";

const emulated = process.env["XDPGEN_VM"] !== undefined;
const PACKETS = emulated ? 40 : 400;
/** Each bpftool takes a second where it is emulated; these have calls, callbacks, CO-RE, maps, and change the packet. */
const IN_THE_GUEST: readonly string[] = ["denylist", "callback", "core", "hidden", "vlan-push"];
if (emulated)
  console.log(`SKIP all programs but ${IN_THE_GUEST.join(", ")}: the host runs them, and bpftool is slow here`);

interface Subject {
  readonly program: Program;
  /** What its maps hold before the first packet. */
  readonly entries?: readonly Entry[];
  /** The same for loaders that load an object alone, where they do not load this one. */
  readonly lone?: Program;
  /** Linkages that it is refused. */
  readonly except?: readonly Linkage[];
  /** What this machine lacks for it. */
  readonly lacking?: string | undefined;
}

const mapped = (...address: readonly number[]): number[] => [...Array<number>(10).fill(0), 0xff, 0xff, ...address];
const V6 = [0x20, 0x01, 0x0d, 0xb8, ...Array<number>(11).fill(0), 1];

/** Left out: what time or chance decides (ratelimit, sample), and what `inline` refuses (tail calls). */
const SAMPLES: readonly Subject[] = [
  { program: sampleProgram("bench-pass") },
  { program: sampleProgram("counter") },
  { program: sampleProgram("echo") },
  { program: sampleProgram("vlan-pop") },
  {
    program: sampleProgram("denylist"),
    entries: [
      ["denylist_v4", [24, 0, 0, 0, 192, 0, 2, 0], u64(0n)],
      ["denylist_v6", [48, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 1, ...Array<number>(10).fill(0)], u64(0n)],
    ],
  },
  {
    program: { ...sampleProgram("classify"), globals: { unknown: 3 } },
    entries: [
      ["classify_tenants", [1, 0], u32(2)],
      ["classify_tenants", [2, 0], u32(4)],
    ],
  },
  ...[4, 6].map((family): Subject => ({
    program: { ...sampleProgram("firewall"), globals: { family } },
    entries: [
      ["firewall_services", [17, 0, 0, 53], u64(0n)],
      ["firewall_services", [6, 0, 1, 187], u64(0n)],
      ["firewall_sources", [120, 0, 0, 0, ...mapped(198, 51, 100, 0)], u64(0n)],
      ["firewall_sources", [128, 0, 0, 0, ...V6], u64(0n)],
    ],
  })),
  { program: sampleProgram("ids"), entries: [["ids_signatures", [0, 1, 2, 3, 4, 5, 6, 7], u64(0n)]] },
  {
    program: sampleProgram("balancer"),
    entries: [
      ["balancer_services", [...mapped(192, 0, 2, 2), 0, 53, 17, 0], [0, 0, 0, 0, 3, 0, 0, 0]],
      ["balancer_services", [...V6, 0, 80, 6, 0], [3, 0, 0, 0, 1, 0, 0, 0]],
      ...[0, 1, 2, 3].map((k): Entry => ["balancer_backends", u32(k), [2, 0, 0, 0, 1, k, 0, 0]]),
    ],
  },
];

/** Where libbpf looks for the kernel's configuration. */
function withoutConfiguration(): string | undefined {
  const places = [`/boot/config-${release()}`, "/proc/config.gz"];
  return places.some((place) => existsSync(place)) ? undefined : `neither ${places.join(" nor ")} is there`;
}

const OTHERS: readonly Subject[] = [
  { program: testProgram("callback"), lacking: lacking("function addresses, and helpers that call back") },
  // Its neighbours have no frags, so no dispatcher of theirs can tail-call it.
  { program: testProgram("frags"), except: ["tail"] },
  ...["adjust", "core", "globals", "hidden", "map-in-map", "no-btf", "stack", "vlan-push"].map((name) => ({
    program: testProgram(name),
  })),
  {
    program: { ...testProgram("elsewhere"), function: "xdp_functions" },
    lone: testProgram("functions"),
    except: ["freplace"],
  },
  { program: testProgram("arg-tags"), lacking: lacking("tags on the arguments of global functions") },
  {
    program: testProgram("loop"),
    lacking:
      lacking("bounded loops by a helper (bpf_loop)") ??
      lacking("bytes copied out of packets by a helper (bpf_xdp_load_bytes)"),
  },
  { program: testProgram("kconfig"), lacking: withoutConfiguration() },
  { program: testProgram("static-maps"), lone: testProgram("map-in-map"), except: ["freplace"] },
  { program: { ...testProgram("map-of-programs"), function: "xdp_map_of_programs" }, except: ["freplace"] },
];

/** xdp-filter's features, by the maps of its programs. */
const XDPFILT: readonly Entry[] = [
  ["filter_ports", [0, 53, 0, 0], u64(7n)],
  ["filter_ports", [1, 187, 0, 0], u64(6n)],
  ["filter_ipv4", [192, 0, 2, 1], u64(1n)],
  ["filter_ipv6", V6, u64(3n)],
  ["filter_ethernet", [2, 0, 0, 0, 0, 1], u64(1n)],
];
const XDP_TOOLS: readonly Subject[] = distributionObjects()
  .filter(([name]) => name.startsWith("xdpfilt_"))
  .map(([object, bytes]) => {
    const name = object.replace(/\.o$/, "").replaceAll("_", "-");
    return { program: { name, object, bytes }, entries: XDPFILT };
  });

const subjects = [...SAMPLES, ...OTHERS, ...XDP_TOOLS]
  .filter(({ program }) => !emulated || IN_THE_GUEST.includes(program.name))
  .map((subject) => {
    const { name, globals } = subject.program;
    return { ...subject, title: globals ? `${name} ${JSON.stringify(globals)}` : name };
  });

describe.skipIf(kernelMissing()).each(subjects)("$title", (subject) => {
  const { program, entries = [], lone: other, lacking: reason, except = [] } = subject;
  it.for([...runnableLinkages, "tail" as const].filter((linkage) => !except.includes(linkage)))(
    "is alike alone and by %s",
    async (linkage, context) => {
      context.skip(reason !== undefined, reason);
      // A program that is loaded already was loaded by libbpf alone.
      using chained = amongNeighbours(linkage === "tail" ? (other ?? program) : program, linkage);
      using lone = alone(other ?? program);
      const expected = await observed(lone, entries, PACKETS);
      expect(await observed(chained, entries, PACKETS)).toEqual(expected);
    },
  );
});
