/** The steps of the demonstration, each with what it expects to see. */
import { setImmediate } from "node:timers/promises";

import { loadChain, open } from "../../src/index.ts";
import { count, packetsByProtocol, pinOf, status } from "./maps.ts";
import { DemoFailure } from "./processes.ts";
import { heading, number, say, seen, show } from "./report.ts";
import { DEVICE, type Stage } from "./stage.ts";
import { arrivals, ping } from "./traffic.ts";

const CHAIN = "scripts/demo/chain.yaml";
const CHAIN_VLAN = "scripts/demo/chain-vlan.yaml";
const PORT = 7000;

/** An emulated processor sends some fifty times fewer frames in the same time. */
const FRAMES = process.env["XDPGEN_VM"] === undefined ? 3_000_000 : 100_000;

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
  await expectSuccess(stage, "neighbour", ["xdpgen", "apply", "scripts/demo/peer.yaml"], "run");
  show("");
  show("  here  edge0  192.0.2.1  2001:db8::1  ═══════  peer0  192.0.2.10  2001:db8::10  neighbour");
  await expectSuccess(stage, "here", ["xdpgen", "apply", CHAIN], "shown");
  const alive = [await ping(stage, "192.0.2.10", "192.0.2.1"), await ping(stage, "2001:db8::10", "2001:db8::1")];
  expect(alive.every(Boolean), "the neighbour's pings to be answered through the chain");
  seen("The chain runs in front of the kernel's stack, and packets come through it.");
}

async function showStatus(stage: Stage): Promise<void> {
  heading("What runs, read back from the kernel");
  await expectSuccess(stage, "here", ["xdpgen", "status"], "shown");
  const { generation, programs } = await status(stage);
  const names = programs.map(({ name }) => name).join(" ");
  expect(generation === 1 && names === "counter denylist ratelimit echo", "the four programs of the chain", names);
  seen("No daemon and no state file: the kernel holds the chain, and xdpgen has exited.");
}

async function denySources(stage: Stage): Promise<void> {
  heading("denylist drops who is listed");
  const before = [await ping(stage, "192.0.2.66", "192.0.2.1"), await ping(stage, "2001:db8::66", "2001:db8::1")];
  expect(before.every(Boolean), "sources that are not yet listed to get through");
  const zero = Array.from({ length: 8 }, () => "0");
  for (const [map, key] of [
    ["denylist_v4", ["hex", "20", "00", "00", "00", "c0", "00", "02", "42"]],
    ["denylist_v6", ["hex", "80", "00", "00", "00", ..."20010db8000000000000000000000066".match(/../g)!]],
  ] as const) {
    const pin = await pinOf(stage, "denylist", map);
    const words = ["bpftool", "map", "update", "pinned", pin, "key", ...key, "value", ...zero];
    await expectSuccess(stage, "here", words, "shown");
  }
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
  const [burst, rate, wanted] = [50, 10, 500];
  const dropsBefore = await count(stage, "ratelimit", "ratelimit_drops");
  const [arrived, { sent, seconds }] = await arrivals(
    PORT,
    async () => (await stage.send("datagrams", "192.0.2.20", "192.0.2.1", `${PORT}`, `${wanted}`)) as Sent,
  );
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
  const tagged = (): Promise<Sent> =>
    stage.send("tagged", "7", "192.0.2.10", "192.0.2.1", `${PORT}`, "5") as Promise<Sent>;
  const [before] = await arrivals(PORT, tagged);
  show(`  UDP in VLAN 7 to a plain socket   5 sent, ${before} arrived`);
  expect(before === 0, "no tagged datagram to arrive before the program is there", before);
  const counted = await count(stage, "ratelimit", "ratelimit_drops");
  await expectSuccess(stage, "here", ["xdpgen", "apply", CHAIN_VLAN], "shown");
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
  heading(`Programs come and go while ${number(FRAMES)} frames flow`);
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
  const before = { first: await framesAt(stage, "counter"), generation: live.status().generation };
  let flowing = true;
  const sending = (stage.send("frames", `${FRAMES}`) as Promise<Sent>).finally(() => (flowing = false));
  // What goes wrong with the sender is known when the loop has ended.
  sending.catch(() => undefined);
  const shorter = longer.without("vlan-pop");
  let swaps = 0;
  while (flowing) {
    await live.update(swaps % 2 === 0 ? shorter : longer);
    swaps += 1;
    // An update that need not wait yields to no timer and no callback of its own accord.
    await setImmediate();
  }
  const { sent, seconds } = await sending;
  const first = (await framesAt(stage, "counter")) - before.first;
  const last = await framesAt(stage, "last");
  const { generation } = live.status();
  show(`  frames sent                     ${number(sent).padStart(9)}  in ${seconds.toFixed(1)} s`);
  show(`  counted by the first program    ${number(first).padStart(9)}`);
  show(`  counted by the last program     ${number(last).padStart(9)}`);
  show(`  lost                            ${number(sent - last).padStart(9)}`);
  show(`  swaps meanwhile                 ${number(swaps).padStart(9)}  generation ${before.generation} to ${generation}`);
  expect(sent === FRAMES && first === sent && last === sent, "frames sent = frames counted at both ends of the chain");
  expect(swaps >= 2 && generation === before.generation + swaps, "at least 2 swaps, each a generation", generation);
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
  await expectSuccess(stage, "here", ["xdpgen", "detach", DEVICE], "shown");
  await expectSuccess(stage, "here", ["xdpgen", "status"], "shown");
  const { stdout } = await stage.run("here", ["ip", "-d", "link", "show", DEVICE]);
  expect(!/\bprog\/xdp\b/.test(stdout), `no program to be left on ${DEVICE}`);
  seen("The interface is as it was, and nothing is left in /sys/fs/bpf.");
}

interface Sent {
  readonly sent: number;
  readonly seconds: number;
}

async function expectSuccess(
  stage: Stage,
  where: "here" | "neighbour",
  words: readonly string[],
  how: "run" | "shown",
): Promise<void> {
  const { status: ended, stdout, stderr } = await stage[how](where, words);
  if (ended === 0) return;
  throw new DemoFailure(`${words.join(" ")} ended with ${ended}${how === "run" ? `:\n${stderr}${stdout}` : ""}`);
}

function expect(holds: boolean, what: string, instead?: unknown): void {
  if (!holds) throw new DemoFailure(`expected ${what}${instead === undefined ? "" : `, and saw ${String(instead)}`}`);
}
