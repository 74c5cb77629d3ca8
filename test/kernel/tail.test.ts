/**
 * Programs that are loaded already, on a real kernel: bpftool and raw system calls load them, chains tail-call them, and
 * others take their places while packets pass.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Chain, Linkage, Program } from "../../src/chain/index.ts";
import { encode, exit, layout, mov64Imm, R0 } from "../../src/codegen/asm/index.ts";
import { attach, type Attachment, openKernel, preview, status } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { type Fd, isErrno } from "../../src/loader/machine/kernel.ts";
import { ethernet, frame, payload } from "../../src/packets/index.ts";
import { chainOf, sampleProgram, testProgram } from "../support/chains.ts";
import { counted } from "../support/counted.ts";
import { lacking } from "../support/kernel-differences.ts";
import { loaderLinkages, runnableLinkages } from "../support/linkages.ts";
import { withLoaded } from "../support/loaded.ts";
import { sampleObject } from "../support/samples.ts";
import { traffic } from "../support/traffic.ts";
import { verdictObject, verdictPacket, visited } from "../support/verdict-program.ts";
import { type Veth, veth } from "../support/veth.ts";

const emulated = process.env["XDPGEN_VM"] !== undefined;
const PIN = "/sys/fs/bpf/xdpgen-test-tail";
const OTHER = `${PIN}-other`;

let pair: Veth;
let live: Attachment | undefined;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  pair = veth("xt");
});
afterEach(async () => {
  await live?.detach();
  live = undefined;
  pair[Symbol.dispose]();
  for (const path of [PIN, OTHER]) rmSync(path, { force: true });
});

const numbered = (k: number): Program => ({
  name: `p${k}`,
  object: `p${k}.bpf.o`,
  bytes: verdictObject(k),
  priority: k,
});

interface Shown {
  readonly id: number;
  readonly name: string;
  readonly tag: string;
  readonly map_ids?: readonly number[];
}

/** Loads the only program of an object, as its owner would. */
function bpftool(object: string, pin = PIN): Shown {
  execFileSync("bpftool", ["prog", "load", sampleObject(object), pin, "type", "xdp"]);
  return JSON.parse(execFileSync("bpftool", ["-j", "prog", "show", "pinned", pin], { encoding: "utf8" })) as Shown;
}

const tail = (rest: Partial<Program>): Program => ({ name: "theirs", priority: 5, ...rest });
const message = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => "no error",
    (error: Error) => error.message,
  );

/** `r0 = 1; exit`. */
function dropped(attachType?: "none"): Fd {
  const instructions = encode(layout([mov64Imm(R0, 1), exit()]));
  return openKernel().loadProgram({ type: "xdp", name: "dropping", instructions, ...(attachType && { attachType }) });
}

describe("a program that bpftool has loaded", () => {
  it.each(["pinned", "id"] as const)("joins by %s and counts in its own map", async (by) => {
    const theirs = bpftool("counter");
    const source = by === "pinned" ? { pinned: PIN } : { id: theirs.id };
    live = await attach(chainOf([numbered(1), tail(source), numbered(9)]), pair.far);
    const { dataOut, retval } = await live.testRun({ data: verdictPacket(Array(10).fill(2)) });
    expect([retval, visited(dataOut)]).toEqual([2, [1, 9]]);
    const { programs } = live.status();
    expect(programs[1]).toMatchObject({ name: "theirs", linkage: "tail", id: theirs.id, tag: theirs.tag, maps: [] });
    expect(programs[1]!.loaded).toBe(theirs.name);
    const totals = theirs.map_ids!.map((id) => JSON.parse(dump(id)) as Dumped).find((map) => map[0]?.values);
    expect(totals![0]!.values!.map(({ value }) => Number(value[0])).some((byte) => byte > 0)).toBe(true);
  });

  it("goes on in the chain when its owner lets it go", async () => {
    const dropping = dropped();
    live = await attach(chainOf([tail({ fd: dropping.number }), numbered(9)]), pair.far);
    const { id } = live.status().programs[0]!;
    dropping.close();
    // An empty slot would say 31, and p9 would run.
    const { retval, dataOut } = await live.testRun({ data: verdictPacket(Array(10).fill(2)) });
    expect([retval, visited(dataOut)]).toEqual([1, []]);
    await live.detach();
    await gone(id!);
  });

  it("leaves nothing behind when the chain goes", async () => {
    const { id } = bpftool("bench-pass");
    live = await attach(chainOf([tail({ pinned: PIN })]), pair.far);
    await live.detach();
    expect(status(pair.far)).toEqual([]);
    rmSync(PIN);
    await gone(id);
  });
});

type Dumped = readonly { readonly values?: readonly { readonly value: readonly string[] }[] }[];
const dump = (id: number): string =>
  execFileSync("bpftool", ["-j", "map", "dump", "id", `${id}`], { encoding: "utf8" });

/** The kernel frees programs and maps a grace period later. */
async function gone(id: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      openKernel().programById(id).close();
    } catch (error) {
      if (isErrno(error, "ENOENT")) return;
      throw error;
    }
    await openKernel().waitForPackets();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`program ${id} is still loaded`);
}

describe("another program in the same slot", () => {
  const chain = (source: Partial<Program>): Chain => chainOf([numbered(1), tail(source), numbered(9)]);

  it("takes its place while the dispatcher runs on, and plan says so", async () => {
    const first = bpftool("bench-pass");
    const second = bpftool("counter", OTHER);
    live = await attach(chain({ pinned: PIN }), pair.far);
    const before = live.status();
    expect(await preview(chain({ pinned: PIN }), pair.far)).toMatchObject({ outcome: "unchanged" });
    expect(await live.update(chain({ pinned: PIN }))).toMatchObject({ outcome: "unchanged" });
    const told = await preview(chain({ pinned: OTHER }), pair.far);
    expect(told).toMatchObject({ outcome: "replaced", generation: 1 });
    expect(told.difference.programs[1]!.changes).toEqual({ loaded: { from: first.id, to: second.id } });
    expect(await live.update(chain({ pinned: OTHER }))).toMatchObject({ outcome: "replaced", generation: 1 });
    const after = live.status();
    expect(after.dispatcher).toEqual(before.dispatcher);
    expect(after.programs[1]!.id).toBe(second.id);
    // The same program by another name is no change.
    expect(await live.update(chain({ id: second.id }))).toMatchObject({ outcome: "unchanged" });
    rmSync(PIN);
    await gone(first.id);
  });

  it("comes with a new dispatcher where two change at once", async () => {
    const [first, second] = [bpftool("bench-pass"), bpftool("counter", OTHER)];
    const two = (a: number, b: number): Chain => chainOf([tail({ id: a }), tail({ name: "others", id: b })]);
    live = await attach(two(first.id, second.id), pair.far);
    expect(await live.update(two(second.id, first.id))).toMatchObject({ outcome: "swapped", generation: 2 });
    expect(live.status().programs.map(({ id }) => id)).toEqual([second.id, first.id]);
  });

  it("is checked before it is there", async () => {
    const checks = [{ name: "passes", packet: "eth / ipv4 / udp", expect: ["pass"] }] as const;
    const [passing, dropping] = [1, 2].map((verdict) => {
      const globals = { verdict: verdict === 1 ? 2 : 1 };
      return withLoaded(chainOf([{ ...testProgram("verdict"), globals, linkage: "tail" }])).programs[0]!.fd!;
    });
    const checked = (fd: number): Chain => ({ ...chainOf([tail({ fd })]), checks });
    live = await attach(checked(passing!), pair.far);
    const { id } = live.status().programs[0]!;
    expect(await message(live.update(checked(dropping!)))).toMatch(/1 of 1 check failed; nothing was changed/);
    expect(live.status().programs[0]!.id).toBe(id);
  });

  it("loses no frame", async () => {
    const counting = (name: string, priority: number): Program => ({ ...sampleProgram("counter"), name, priority });
    const [one, two] = [bpftool("bench-pass"), bpftool("counter", OTHER)];
    const chainWith = (id: number): Chain =>
      chainOf([counting("first", 1), tail({ id }), counting("last", 99)], { linkage: "call", end: "drop" });
    live = await attach(chainWith(one.id), pair.far, { mode: "native" });
    using source = traffic(openKernel(), pair.near);
    const data = frame(ethernet(), payload(46));
    const [frames, replacements] = emulated ? [20_000, 4] : [1_000_000, 50];
    const done = new AbortController();
    const sending = (async () => {
      while (!done.signal.aborted) await source.send(data, frames / 10);
    })();
    let replaced = 0;
    while (replaced < replacements || source.sent() < frames) {
      const result = await live.update(chainWith(replaced % 2 === 0 ? two.id : one.id));
      expect(result.outcome).toBe("replaced");
      replaced++;
      await setImmediate();
    }
    done.abort();
    await sending;
    const both = { first: counted(live.status(), "first"), last: counted(live.status(), "last") };
    expect(both).toEqual({ first: source.sent(), last: source.sent() });
    console.log(`${source.sent()} frames, ${replaced} programs in their places, every frame counted at both ends`);
  });
});

describe("what a loaded program must be", () => {
  it("makes 33 tail calls on a packet's way, and is refused beyond", async () => {
    const chain = (n: number): Chain =>
      withLoaded(
        chainOf(
          Array.from({ length: n }, (_, k) => numbered(k)),
          { linkage: "tail" },
        ),
      );
    live = await attach(chain(33), pair.far);
    const { dataOut } = await live.testRun({ data: verdictPacket(Array(40).fill(2)) });
    expect(visited(dataOut)).toHaveLength(33);
    expect(await message(live.update(chain(34)))).toMatch(/can make 34 tail calls .* the kernel allows 33/);
  });

  it("may be loaded without an attach type, if all are", async () => {
    using plain = dropped("none");
    live = await attach(chainOf([tail({ fd: plain.number }), numbered(9)]), pair.far);
    const [, beside] = live.status().programs;
    expect((await live.testRun({ data: verdictPacket([]) })).retval).toBe(1);
    bpftool("bench-pass");
    const both = chainOf([tail({ fd: plain.number }), { name: "ours", pinned: PIN }]);
    const refused = await message(live.update(both));
    // Kernels that do not tell the two apart take both, and extensions beside them.
    if (refused !== "no error") expect(beside!.linkage).toBe("call");
    expect(refused).toMatch(/^no error$|loaded without an expected_attach_type and ours with .*BPF_XDP/);
  });

  it("has frags or not, as its dispatcher", async ({ skip }) => {
    const reason = lacking("packets of several buffers (frags)");
    skip(reason !== undefined, reason);
    using object = openKernel().openObject(testProgram("frags").bytes!, "frags");
    object.load();
    const many = tail({ fd: object.programs[0]!.fd() });
    live = await attach(chainOf([many]), pair.far);
    expect((await live.testRun({ data: verdictPacket([2]) })).retval).toBe(2);
    const refused = await message(live.update(chainOf([many, numbered(9)])));
    expect(refused).toMatch(/theirs is loaded for packets of several buffers \(frags\), and p9 is not/);
  });

  it("is an XDP program that is there", async () => {
    const kernel = openKernel();
    const chain = (source: Partial<Program>): Promise<unknown> => attach(chainOf([tail(source)]), pair.far);
    expect(await message(chain({ pinned: `${PIN}-nowhere` }))).toMatch(
      /theirs \(pinned: .*-nowhere\): no such program/,
    );
    expect(await message(chain({ id: 0x7fffffff }))).toMatch(/theirs \(id: 2147483647\): no such program is loaded/);
    expect(await message(chain({ fd: 9999 }))).toMatch(/theirs \(fd: 9999\): that is no program/);
    using map = kernel.createMap({ type: 6, keySize: 4, valueSize: 4, maxEntries: 1, name: "a_map" });
    kernel.pin(map.number, OTHER);
    expect(await message(chain({ pinned: OTHER }))).toMatch(/that is no program/);
    expect(await message(chain({ fd: map.number }))).toMatch(/that is no program/);
    expect(status(pair.far)).toEqual([]);
  });
});

describe.each(["mixed", ...loaderLinkages] as const)("beside programs by %s", (linkage) => {
  it("swaps with them, and their maps and its own stay", async () => {
    const theirs = bpftool("bench-pass");
    const among: readonly Linkage[] = linkage === "mixed" ? runnableLinkages : [linkage];
    const objects = [sampleProgram("counter"), sampleProgram("denylist"), sampleProgram("echo")].map((one, place) => ({
      ...one,
      linkage: among[place % among.length]!,
      priority: 10 * place + 10,
    }));
    const chain = chainOf([...objects, tail({ pinned: PIN, priority: 15 })]);
    live = await attach(chain, pair.far);
    const before = live.status().programs;
    expect(before.map(({ name }) => name)).toEqual(["counter", "theirs", "denylist", "echo"]);
    await live.update({ ...chain, programs: chain.programs.slice(1) });
    await live.update(chain);
    const after = live.status().programs;
    expect(after[1]!.id).toBe(theirs.id);
    const ids = (list: typeof after) => list.slice(1).map(({ maps }) => maps.map(({ id }) => id));
    expect(ids(after)).toEqual(ids(before));
  });
});
