/** The steps of the demonstration, each with what it expects to see. */
import { readdirSync, statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { loadChain, open } from "../../src/index.ts";
import { count, packetsByProtocol, pinOf, status } from "./maps.ts";
import { DemoFailure } from "./processes.ts";
import { blank, heading, number, say, seen, show } from "./report.ts";
import { DEVICE, type Stage } from "./stage.ts";
import { arrivals, ping } from "./traffic.ts";

const CHAIN = "scripts/demo/chain.yaml";
const CHAIN_VLAN = "scripts/demo/chain-vlan.yaml";
const PORT = 7000;

/** How many frames flow at a time. An emulated processor sends some fifty times fewer in the same time. */
const FRAMES = process.env["XDPGEN_VM"] === undefined ? 3_000_000 : 50_000;
/** They flow again until there were as many swaps: on one processor, sender and swaps take turns. */
const SWAPS = 4;

export const steps: readonly ((stage: Stage) => Promise<void>)[] = [
  applyChain,
  showStatus,
  denySources,
  limitRate,
  answerPings,
  readCounter,
  addVlanPop,
  swapUnderTraffic,
  detachChain,
];

async function applyChain(stage: Stage): Promise<void> {
  heading("Four programs share one interface");
  say(
    "A neighbour is at the other end of a cable: a veth pair between two network namespaces. xdpgen makes a dispatcher " +
      `for exactly the programs that ${CHAIN} declares, and attaches it to our end.`,
  );
  // Without XDP at its own end, the neighbour would not get what the program `echo` sends back.
  await stage.ask({ kind: "apply", chain: "scripts/demo/peer.yaml" });
  blank();
  show("  here  edge0  192.0.2.1  2001:db8::1  ════  peer0  192.0.2.10  2001:db8::10  neighbour");
  await succeed(stage, ["cat", CHAIN]);
  await succeed(stage, ["xdpgen", "apply", CHAIN]);
  blank();
  const alive = [await ping(stage, "192.0.2.10", "192.0.2.1"), await ping(stage, "2001:db8::10", "2001:db8::1")];
  expect(alive.every(Boolean), "the neighbour's pings to be answered through the chain");
  seen("The chain runs in front of the kernel's stack, and packets come through it.");
}

async function showStatus(stage: Stage): Promise<void> {
  heading("What runs, read back from the kernel");
  await succeed(stage, ["xdpgen", "status"]);
  const { generation, programs } = await status(stage);
  const names = programs.map(({ name }) => name).join(" ");
  expect(generation === 1 && names === "counter denylist ratelimit echo", "the four programs of the chain", names);
  seen("No daemon and no state file: the kernel holds the chain, and xdpgen has exited.");
}

async function denySources(stage: Stage): Promise<void> {
  heading("denylist drops who is listed");
  const before = [await ping(stage, "192.0.2.66", "192.0.2.1"), await ping(stage, "2001:db8::66", "2001:db8::1")];
  expect(before.every(Boolean), "sources that are not yet listed to get through");
  say("Its maps are filled with any tool; the key is a prefix length (32, 128) and an address:");
  const zero = Array.from({ length: 8 }, () => "0");
  for (const [map, key] of [
    ["denylist_v4", ["32", "0", "0", "0", "192", "0", "2", "66"]],
    ["denylist_v6", ["hex", "80", "00", "00", "00", ..."20010db8000000000000000000000066".match(/../g)!]],
  ] as const) {
    const pin = await pinOf(stage, "denylist", map);
    const words = ["bpftool", "map", "update", "pinned", pin, "key", ...key, "value", ...zero];
    await succeed(stage, words);
  }
  blank();
  const listed = [await ping(stage, "192.0.2.66", "192.0.2.1"), await ping(stage, "2001:db8::66", "2001:db8::1")];
  const others = [await ping(stage, "192.0.2.10", "192.0.2.1"), await ping(stage, "2001:db8::10", "2001:db8::1")];
  expect(!listed.some(Boolean), "pings from the listed sources to die");
  expect(others.every(Boolean), "pings from other sources to live");
  const drops = [await count(stage, "denylist", "denylist_v4"), await count(stage, "denylist", "denylist_v6")];
  expect(
    drops.every((n) => n === 2),
    "each rule to have dropped 2 packets",
    drops,
  );
  seen("The pings of the listed sources died in the chain, 2 by each rule; the others went on to the next program.");
}

async function limitRate(stage: Stage): Promise<void> {
  heading("ratelimit lets a burst through, then a trickle");
  const [burst, rate] = [50, 10];
  const dropsBefore = await count(stage, "ratelimit", "ratelimit_drops");
  const burstOf = { kind: "datagrams", from: "192.0.2.20", to: "192.0.2.1", port: PORT, count: 500 } as const;
  const [arrived, { sent, seconds }] = await arrivals(PORT, () => stage.ask(burstOf));
  const dropped = (await count(stage, "ratelimit", "ratelimit_drops")) - dropsBefore;
  show(`  UDP from 192.0.2.20    ${sent} sent in ${seconds.toFixed(2)} s, ${arrived} arrived, ${dropped} dropped`);
  const most = burst + Math.ceil(rate * seconds);
  expect(arrived >= burst && arrived <= most, `between ${burst} and ${most} datagrams to arrive`, arrived);
  expect(arrived + dropped === sent, "every datagram to have arrived or to have been dropped by ratelimit");
  seen(`It is set to ${burst} packets at once and ${rate} a second, for each source.`);
}

async function answerPings(stage: Stage): Promise<void> {
  heading("echo answers for addresses that nobody has");
  const answered = [await ping(stage, "192.0.2.10", "192.0.2.99"), await ping(stage, "2001:db8::10", "2001:db8::99")];
  expect(answered.every(Boolean), "pings to 192.0.2.99 and 2001:db8::99 to be answered");
  const replies = await count(stage, "echo", "echo_replies");
  expect(replies === 4, "the program echo to have sent 4 replies", replies);
  seen("4 replies by XDP_TX: the requests went back out of the interface and never reached the stack.");
}

async function readCounter(stage: Stage): Promise<void> {
  heading("counter has seen it all, for it runs first");
  const kinds: Readonly<Record<string, string>> = {
    "2048/1": "ICMP",
    "2048/17": "UDP over IPv4",
    "34525/58": "ICMPv6",
  };
  const packets = new Map<string, number>();
  for (const [{ ethertype, ip_protocol: protocol }, n] of await packetsByProtocol(stage)) {
    const kind = kinds[`${ethertype}/${protocol}`] ?? "other";
    packets.set(kind, (packets.get(kind) ?? 0) + n);
  }
  for (const [kind, n] of packets) show(`  ${kind.padEnd(14)} ${number(n).padStart(6)} packets`);
  expect(packets.get("UDP over IPv4") === 500, "500 UDP packets to have been counted", packets.get("UDP over IPv4"));
  expect(packets.get("ICMP") === 10, "10 ICMP packets to have been counted", packets.get("ICMP"));
  // The stacks may have had something of their own to say: neighbour discovery and multicast are ICMPv6 too.
  expect((packets.get("ICMPv6") ?? 0) >= 10, "10 ICMPv6 packets to have been counted", packets.get("ICMPv6"));
  seen("All pings and datagrams are there, also those that later programs dropped or answered.");
}

async function addVlanPop(stage: Stage): Promise<void> {
  heading("A fifth program joins: vlan-pop makes tagged packets readable");
  const request = { kind: "tagged", id: 7, from: "192.0.2.10", to: "192.0.2.1", port: PORT, count: 5 } as const;
  const tagged = () => stage.ask(request);
  const [before] = await arrivals(PORT, tagged);
  show(`  UDP in VLAN 7 to a plain socket   5 sent, ${before} arrived`);
  expect(before === 0, "no tagged datagram to arrive before the program is there", before);
  const counted = await count(stage, "ratelimit", "ratelimit_drops");
  await succeed(stage, ["xdpgen", "apply", CHAIN_VLAN]);
  blank();
  const [after] = await arrivals(PORT, tagged);
  show(`  UDP in VLAN 7 to a plain socket   5 sent, ${after} arrived`);
  expect(after === 5, "all tagged datagrams to arrive now", after);
  const [popped, kept] = [
    await count(stage, "vlan-pop", "vlan_popped"),
    await count(stage, "ratelimit", "ratelimit_drops"),
  ];
  expect(popped === 5, "vlan-pop to have stripped 5 tags", popped);
  expect(kept === counted, "the other programs' maps to have kept their contents", kept);
  expect(!(await ping(stage, "192.0.2.66", "192.0.2.1")), "the denied source to stay denied");
  seen("One atomic swap; the programs that were there kept their maps and all they had counted.");
}

async function swapUnderTraffic(stage: Stage): Promise<void> {
  heading("Programs come and go while frames flow");
  const counter = "bpf/.output/counter.bpf.o";
  say("The same by the library, with a second counter at the chain's end to see who came through:");
  show(`
    const live = await open("edge0");
    const chain = (await loadChain("${CHAIN_VLAN}"))
      .with({ name: "last", object: "${counter}", priority: 99 });
    while (flowing) {
      await live.update(chain.without("vlan-pop"));
      await live.update(chain);
    }
`);
  const chain = await loadChain(CHAIN_VLAN);
  const longer = chain.with({ name: "last", object: counter, priority: 99 });
  await using live = await open(DEVICE);
  await live.update(longer);
  blank();
  const before = { first: await framesAt(stage, "counter"), generation: live.status().generation };
  const flow = { sent: 0, seconds: 0, flowing: true, swaps: 0 };
  const send = async (): Promise<void> => {
    do {
      const { sent, seconds } = await stage.ask({ kind: "frames", count: FRAMES });
      flow.sent += sent;
      flow.seconds += seconds;
    } while (flow.swaps < SWAPS);
  };
  const sending = send().finally(() => (flow.flowing = false));
  // What goes wrong with the sender is known when the loop has ended.
  sending.catch(() => undefined);
  const shorter = longer.without("vlan-pop");
  while (flow.flowing) {
    await live.update(flow.swaps % 2 === 0 ? shorter : longer);
    flow.swaps += 1;
    // An update that need not wait yields to no timer and no callback of its own accord.
    await setImmediate();
  }
  await sending;
  const { sent, seconds, swaps } = flow;
  const first = (await framesAt(stage, "counter")) - before.first;
  const last = await framesAt(stage, "last");
  const { generation } = live.status();
  show(`  frames sent                     ${number(sent).padStart(9)}  in ${seconds.toFixed(1)} s`);
  show(`  counted by the first program    ${number(first).padStart(9)}`);
  show(`  counted by the last program     ${number(last).padStart(9)}`);
  show(`  lost                            ${number(sent - last).padStart(9)}`);
  show(
    `  swaps meanwhile                 ${number(swaps).padStart(9)}  generation ${before.generation} to ${generation}`,
  );
  expect(first === sent && last === sent, "frames sent = frames counted at both ends of the chain");
  expect(generation === before.generation + swaps, "each swap to be a generation of its own", generation);
  seen("Every frame met one whole chain, the old or the new one.");
}

/** The EtherType of the frames that flow: for local experiments (IEEE 802), so nothing else on the cable has it. */
const EXPERIMENTAL = 0x88b5;

async function framesAt(stage: Stage, program: string): Promise<number> {
  const list = await packetsByProtocol(stage, program);
  return list.find(([{ ethertype }]) => ethertype === EXPERIMENTAL)?.[1] ?? 0;
}

async function detachChain(stage: Stage): Promise<void> {
  heading("And off again");
  await succeed(stage, ["xdpgen", "detach", DEVICE]);
  await succeed(stage, ["xdpgen", "status"]);
  const { stdout } = await stage.run(["ip", "-d", "link", "show", DEVICE]);
  expect(!/\bprog\/xdp\b/.test(stdout), `no program to be left on ${DEVICE}`);
  const namespace = `${statSync("/proc/self/ns/net").ino}-`;
  const left = readdirSync("/sys/fs/bpf/xdpgen").filter((name) => name.startsWith(namespace));
  expect(left.length === 0, "no pin of this chain to be left in /sys/fs/bpf/xdpgen", left);
  seen("The interface is as it was, and nothing is left in /sys/fs/bpf.");
}

/** Runs a command in front of the audience; it must end well. */
async function succeed(stage: Stage, words: readonly string[]): Promise<void> {
  const { status: ended } = await stage.shown(words);
  if (ended !== 0) throw new DemoFailure(`${words.join(" ")} ended with ${ended}; its reasons are above`);
}

function expect(holds: boolean, what: string, instead?: unknown): void {
  if (!holds) throw new DemoFailure(`expected ${what}${instead === undefined ? "" : `, and saw ${String(instead)}`}`);
}
