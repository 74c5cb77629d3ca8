/** The transaction, on a kernel of plain objects: what it leaves, and what a failure leaves. */
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Chain, OBJECT_LINKAGES } from "../../../src/chain/chain.ts";
import { attach, open } from "../../../src/loader/attachment.ts";
import { preview } from "../../../src/loader/report/preview.ts";
import { status } from "../../../src/loader/report/status.ts";
import { detach } from "../../../src/loader/swap/detach.ts";
import { compile } from "../../support/objects.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { failure } from "./fake-kernel.ts";
import { chain, notices, withMap, world, type World } from "./world.ts";

const DIR = "42-1";

it("a first link that cannot be pinned has no packets any more when the slots are unbound", async () => {
  using w = world();
  let dispatcher = 0;
  const waits: unknown[] = [];
  const kernel = watched(w.kernel, (_, call) => {
    if (call === "pin" && w.kernel.running() !== 0) {
      dispatcher = w.kernel.running();
      throw failure(call, "EPERM");
    }
    if (call === "waitForPackets")
      waits.push({ runs: w.kernel.running(), bound: w.kernel.boundSlots(dispatcher).length });
  });
  await expect(attach(chain("freplace", numbered(1)), "lo", { machine: w.machine(kernel) })).rejects.toThrow(/EPERM/);
  expect(waits).toEqual([{ runs: 0, bound: 1 }]);
  expect(w.pins()).toEqual([]);
});

describe.each(OBJECT_LINKAGES)("linkage %s", (linkage) => {
  it("attaches, swaps, and leaves exactly the pins of the live generation", async () => {
    using w = world();
    const live = await attach(chain(linkage, numbered(1), numbered(2)), "lo", { machine: w.machine() });
    expect(live.result).toMatchObject({ outcome: "created", generation: 1, mode: "native" });
    const first = w.kernel.running();

    const swapped = await live.update(chain(linkage, numbered(1), numbered(2), numbered(3)));
    expect(swapped).toMatchObject({ outcome: "swapped", generation: 2 });
    expect(w.kernel.running()).not.toBe(first);
    expect(w.kernel.openFds).toBe(0);
    expect(w.pins().filter((pin) => !pin.includes("/programs/"))).toEqual(
      [
        `${DIR}/gen-2/dispatcher`,
        ...(linkage === "freplace" ? [1, 2, 3].map((k) => `${DIR}/gen-2/slot-p${k}`) : []),
        `${DIR}/link`,
      ].toSorted(),
    );
    expect(w.kernel.boundSlots(w.kernel.running())).toHaveLength(linkage === "freplace" ? 3 : 0);
  });

  it("takes away what packets may be in only when they have left it", async () => {
    using w = world();
    const heard: string[] = [];
    const waits = watched(w.kernel, (_, call) => {
      if (call === "waitForPackets") heard.push(`${w.pins().filter((pin) => pin.endsWith("/dispatcher")).length}`);
    });
    const machine = w.machine(waits);
    const live = await attach({ ...chain(linkage, numbered(1)), history: 1 }, "lo", { machine });
    await live.update({ ...chain(linkage, numbered(2)), history: 1 });
    expect(heard).toEqual([]);
    // What was kept has been left long ago; but a slot of it is never unbound without a wait.
    await live.update({ ...chain(linkage, numbered(3)), history: 1 });
    expect(heard).toEqual(linkage === "freplace" ? ["3"] : []);
    await live.update(chain(linkage, numbered(4)));
    expect(heard.at(-1)).toBe("3");
    expect(w.pins().filter((pin) => pin.endsWith("/dispatcher"))).toHaveLength(1);
  });

  it("changes nothing when the chain runs already, by whatever path its objects are named", async () => {
    using w = world();
    const machine = w.machine();
    await attach(chain(linkage, numbered(1)), "lo", { machine });
    const before = w.snapshot();
    const { lines, events } = notices();
    const again = await attach(chain(linkage, numbered(1, { object: "/elsewhere/p1.bpf.o" })), "lo", {
      machine,
      events,
    });
    expect(again.result).toMatchObject({ outcome: "unchanged", generation: 1 });
    expect(lines).toEqual([]);
    expect(w.snapshot()).toEqual(before);
  });

  it("keeps the old chain, pins and fds when any one call fails", async () => {
    const before = chain(linkage, numbered(1), numbered(2));
    const after = chain(linkage, numbered(2), numbered(3), numbered(4));
    const calls: string[] = [];
    let failures = 0;
    for (let at = 0; at === 0 || at <= calls.length; at++) {
      using w = world();
      await attach(before, "lo", { machine: w.machine() });
      const old = w.snapshot();
      const kernel = watched(w.kernel, (count, call) => {
        if (at === 0) calls[count - 1] = call;
        else if (count === at) throw failure(call, "EINVAL");
      });
      const { lines, events } = notices();
      const failed = await attach(after, "lo", { machine: w.machine(kernel), events }).then(
        () => false,
        () => true,
      );
      if (failed) failures++;
      expect(failed ? w.snapshot() : w.kernel.openFds, `call ${at}, ${calls[at - 1]}`).toEqual(failed ? old : 0);
      const said = lines.some((line) => line.includes("the next command tries again"));
      expect(said).toBe(at > 0 && calls[at - 1] === "waitForPackets");
      // Whatever happened, the next command gets there, and nothing is left over.
      const next = await attach(after, "lo", { machine: w.machine() });
      expect(next.status().programs.map((p) => p.name)).toEqual(["p2", "p3", "p4"]);
      expect(w.pins().filter((pin) => pin.includes("gen-"))).toHaveLength(linkage === "freplace" ? 4 : 1);
      expect(w.pins().some((pin) => pin.includes("/p1-"))).toBe(false);
    }
    expect(calls).toContain("updateLink");
    expect(failures).toBeGreaterThan(10);
  });

  it("leaves nothing behind when the first attachment fails at any call", async () => {
    const calls: string[] = [];
    for (let at = 0; at === 0 || at <= calls.length; at++) {
      using w = world();
      const kernel = watched(w.kernel, (count, call) => {
        if (at === 0) calls[count - 1] = call;
        else if (count === at) throw failure(call, "EINVAL");
      });
      const done = await attach(chain(linkage, numbered(1), numbered(2)), "lo", { machine: w.machine(kernel) }).then(
        () => true,
        () => false,
      );
      expect(w.kernel.openFds).toBe(0);
      const left = done ? [] : [...w.pins(), w.kernel.running()];
      expect(left, `call ${at}, ${calls[at - 1]}`).toEqual(done ? [] : [0]);
    }
    expect(calls).toContain("linkXdp");
  });

  it("keeps a map of the same definition when the object changes, and says so", async () => {
    using w = world();
    const machine = w.machine();
    const program = (version: number) => numbered(1, { bytes: withMap(version) });
    const live = await attach(chain(linkage, program(1)), "lo", { machine });
    const [map] = live.status().programs[0]!.maps;
    expect(map).toMatchObject({ name: "seen" });

    const { lines, events } = notices();
    await live.update(chain(linkage, program(2), numbered(2)), { events });
    expect(live.status().programs[0]!.maps[0]!.id).toBe(map!.id);
    expect(lines).toEqual(["p1 changed: keeps the contents of seen"]);

    w.kernel.options = { maps: { seen: { maxEntries: 32 } } };
    lines.length = 0;
    await live.update(chain(linkage, program(3), numbered(2)), { events });
    expect(live.status().programs[0]!.maps[0]!.id).not.toBe(map!.id);
    expect(lines).toEqual(["p1 changed: seen starts empty"]);
  });

  it("names all maps that start empty in one sentence", async () => {
    using w = world();
    const { lines, events } = notices();
    const live = await attach(chain(linkage, numbered(1, { bytes: withMap(1) })), "lo", { machine: w.machine() });
    await live.update(chain(linkage, numbered(1, { bytes: twoMaps() })), { events });
    expect(lines).toEqual(["p1 changed: hits, misses start empty"]);
  });

  it("names the program that the verifier refuses, and where the log is", async () => {
    using w = world({ rejects: ["verdict_2"] });
    const attempt = attach(chain(linkage, numbered(1), numbered(2)), "lo", { machine: w.machine() });
    await expect(attempt).rejects.toMatchObject({ code: "program-rejected" });
    await expect(attempt).rejects.toThrow(/refuses program p2 \(p2\.bpf\.o\)[^]*R0 !read_ok\nThe whole log is in \//);
    expect(w.pins()).toEqual([]);
    expect(w.kernel.openFds).toBe(0);
  });
});

it("keeps an unchanged program's extension loaded across a swap", async () => {
  using w = world();
  const live = await attach(chain("freplace", numbered(1), numbered(2)), "lo", { machine: w.machine() });
  const before = live.status().programs.find((p) => p.name === "p1")!.id;
  await live.update(chain("freplace", numbered(3), numbered(1)));
  expect(live.status().programs.find((p) => p.name === "p1")!.id).toBe(before);
});

it("calls what it cannot inline because the verifier would have too much to walk", async () => {
  using w = world({ inlinedIsTooLarge: true });
  const machine = w.machine();
  const fast: Chain = { ...chain("auto", numbered(1), numbered(2)), prefer: "speed" };
  const live = await attach(fast, "lo", { machine });
  const because = expect.stringContaining("more than a million instructions");
  const called = { linkage: "call", because };
  expect(live.status().programs).toMatchObject([called, called]);
  const before = w.snapshot();
  expect((await attach(fast, "lo", { machine })).result).toMatchObject({ outcome: "unchanged", generation: 1 });
  expect(await preview(fast, "lo", { machine })).toMatchObject({ outcome: "unchanged" });
  expect(w.snapshot()).toEqual(before);
  // Declared, the same dispatcher has no reason to give; that alone is no change.
  const same = chain("call", numbered(1), numbered(2));
  expect(await preview(same, "lo", { machine })).toMatchObject({ outcome: "unchanged" });
  expect((await attach(same, "lo", { machine })).result).toMatchObject({ outcome: "unchanged", generation: 1 });
  const declared = attach(chain("inline", numbered(1), numbered(2)), "lo", { machine });
  await expect(declared).rejects.toMatchObject({ code: "program-rejected" });
  expect(w.snapshot()).toEqual(before);
});

it("keeps a program's maps when only its linkage changes", async () => {
  using w = world();
  const program = numbered(1, { bytes: withMap(1) });
  const live = await attach(chain("call", program), "lo", { machine: w.machine() });
  const id = live.status().programs[0]!.maps[0]!.id;
  for (const linkage of ["freplace", "call"] as const) {
    await live.update(chain(linkage, program));
    expect(live.status().programs[0]).toMatchObject({ linkage, maps: [{ id }] });
  }
  expect(w.pins().some((pin) => pin.endsWith("/program"))).toBe(false);
});

it("shares a map that is pinned by name among all programs that use the name", async () => {
  using w = world({ maps: { seen: { pinnedByName: true } } });
  const program = (k: number) => numbered(k, { bytes: withMap(k) });
  const live = await attach(chain("freplace", program(1)), "lo", { machine: w.machine() });
  const [map] = live.status().programs[0]!.maps;
  await live.update(chain("freplace", program(0), program(1), program(2)));
  expect(live.status().programs.map((p) => p.maps)).toEqual(
    [0, 1, 2].map(() => [expect.objectContaining({ id: map!.id })]),
  );

  // One that defines it otherwise is refused while another still uses it.
  w.kernel.options = { maps: { seen: { pinnedByName: true, maxEntries: 32 } } };
  const before = w.snapshot();
  await expect(live.update(chain("freplace", program(1), program(3)))).rejects.toMatchObject({
    code: "object-unsupported",
  });
  expect(w.snapshot()).toEqual(before);
});

it("chooses freplace where the kernel takes it, else call", async () => {
  for (const [freplace, linkage] of [
    [true, "freplace"],
    [false, "call"],
  ] as const) {
    using w = world({ freplace });
    const live = await attach(chain("auto", numbered(1)), "lo", { machine: w.machine() });
    expect(live.status().programs[0]!.linkage).toBe(linkage);
  }
});

function twoMaps(): Uint8Array {
  const map = (name: string): string =>
    `struct { int (*type)[1]; unsigned int *key; unsigned long long *value; int (*max_entries)[16]; } ${name}
      __attribute__((section(".maps"), used));`;
  return compile(`
    struct xdp_md { unsigned int data, data_end; };
    ${map("hits")} ${map("misses")}
    static void *(*lookup)(void *map, const void *key) = (void *)1;
    __attribute__((section("xdp"), used)) int counted(struct xdp_md *ctx) {
      unsigned int key = 0;
      return lookup(&hits, &key) && lookup(&misses, &key) ? 1 : 2;
    }
    char _license[] __attribute__((section("license"), used)) = "GPL";
  `);
}

describe("mode", () => {
  it("falls back to generic and says so, unless native was asked for", async () => {
    using w = world({ refuses: ["native"] });
    const { lines, events } = notices();
    const live = await attach(chain("call", numbered(1)), "lo", { machine: w.machine(), events });
    expect(live.result!.mode).toBe("generic");
    expect(live.status().mode).toBe("generic");
    expect(lines.join()).toMatch(/lo refuses XDP in native mode \(EOPNOTSUPP\): attached in generic mode/);

    using other = world({ refuses: ["native"] });
    const attempt = attach(chain("call", numbered(1)), "lo", { machine: other.machine(), mode: "native" });
    await expect(attempt).rejects.toMatchObject({ code: "environment" });
    expect(other.pins()).toEqual([]);
  });

  it("says why of each, where the interface takes neither", async () => {
    using w = world({ refuses: ["native", "generic"] });
    const attempt = attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    const causes = [{ errnoName: "EOPNOTSUPP" }, { errnoName: "EOPNOTSUPP" }];
    await expect(attempt).rejects.toMatchObject({ code: "environment", cause: { errors: causes } });
    await expect(attempt).rejects.toThrow(
      "lo refuses XDP in native mode (EOPNOTSUPP) and in generic mode (EOPNOTSUPP); nothing was changed: see its documentation",
    );
    expect(w.pins()).toEqual([]);
  });

  it("is not changed under a running chain", async () => {
    using w = world();
    await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    const before = w.snapshot();
    const attempt = attach(chain("call", numbered(1), numbered(2)), "lo", { machine: w.machine(), mode: "generic" });
    await expect(attempt).rejects.toThrow(/runs its chain in native mode/);
    expect(w.snapshot()).toEqual(before);
  });
});

describe("what others do", () => {
  it("leaves a foreign program alone, and takes over when told to", async () => {
    using w = world();
    const id = w.kernel.occupy(1, "theirs");
    const attempt = attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    await expect(attempt).rejects.toMatchObject({ code: "interface-occupied" });
    await expect(attempt).rejects.toThrow(`program ${id} (theirs)`);
    expect(w.kernel.running()).toBe(id);

    const { lines, events } = notices();
    await attach(chain("call", numbered(1)), "lo", { machine: w.machine(), replace: true, events });
    expect(w.kernel.running()).not.toBe(id);
    expect(lines.join()).toMatch(/took lo over from XDP program \d+ \(theirs\); for an instant/);
  });

  it("answers when the interface is deleted, before or in the middle of a swap", async () => {
    using w = world();
    const live = await attach(chain("freplace", numbered(1)), "lo", { machine: w.machine() });
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "updateLink") w.kernel.deleteInterface("lo");
    });
    const attempt = attach(chain("freplace", numbered(2)), "lo", { machine: w.machine(kernel) });
    await expect(attempt).rejects.toMatchObject({ code: "interface-missing" });
    await expect(live.update(chain("freplace", numbered(2)))).rejects.toMatchObject({ code: "interface-missing" });
    expect(() => live.status()).toThrow(expect.objectContaining({ code: "interface-missing" }));
    expect(status(undefined, w.machine())).toMatchObject([{ defunct: true, generation: 1 }]);
  });

  it("clears a defunct link and attaches anew", async () => {
    using w = world();
    await attach(chain("freplace", numbered(1)), "lo", { machine: w.machine() });
    w.kernel.deleteInterface("lo");
    w.kernel.interfaces.set("lo", 1);
    expect(status(undefined, w.machine())).toMatchObject([{ defunct: true, generation: 1 }]);
    const { lines, events } = notices();
    const live = await attach(chain("freplace", numbered(2)), "lo", { machine: w.machine(), events });
    expect(live.result).toMatchObject({ outcome: "created", generation: 2 });
    expect(lines.join()).toMatch(/defunct/);
    expect(live.status()).toMatchObject({ defunct: false, programs: [{ name: "p2" }] });
  });
});

describe("leftovers", () => {
  const leave = (w: World, path: string): void => {
    mkdirSync(`${w.root}/${DIR}/${path}`, { recursive: true });
    writeFileSync(`${w.root}/${DIR}/${path}/pin`, "99");
  };

  it("of a crash are cleared by the next command, those of the live generation never", async () => {
    using w = world();
    const live = await attach(chain("freplace", numbered(1)), "lo", { machine: w.machine() });
    const before = w.pins();
    leave(w, "gen-2");
    leave(w, `programs/p9-${"0".repeat(16)}/maps`);
    await live.update(chain("freplace", numbered(1)));
    expect(w.pins()).toEqual(before);
  });

  it("of a first attempt are cleared too", async () => {
    using w = world();
    leave(w, "gen-1");
    const live = await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    expect(live.status().generation).toBe(1);
    expect(w.pins()).not.toContain(`${DIR}/gen-1/pin`);
  });

  it("of a first attempt go with their interface, wherever it was", async () => {
    using w = world();
    for (const folder of ["42-2000000", "41-1"]) {
      mkdirSync(`${w.root}/${folder}/gen-1`, { recursive: true });
      using dispatcher = w.kernel.foreign("never_attached");
      w.kernel.pin(dispatcher.number, `${w.root}/${folder}/gen-1/dispatcher`);
    }
    await detach("lo", { machine: w.machine() });
    expect(w.pins()).toEqual([]);
  });

  it("of an extension whose link somebody unpinned are bound again", async () => {
    using w = world();
    const machine = w.machine();
    const live = await attach(chain("freplace", numbered(1), numbered(2)), "lo", { machine });
    const { rmSync } = await import("node:fs");
    rmSync(`${w.root}/${DIR}/gen-1/slot-p1`);
    const result = await live.update(chain("freplace", numbered(1), numbered(2)));
    expect(result.outcome).toBe("swapped");
    expect(w.kernel.boundSlots(w.kernel.running())).toHaveLength(2);
  });
});

describe("detach", () => {
  it("removes everything, and is no error a second time", async () => {
    using w = world();
    await attach(chain("freplace", numbered(1)), "lo", { machine: w.machine() });
    const { lines, events } = notices();
    expect(await detach("lo", { machine: w.machine(), events })).toEqual({ detached: true });
    expect(w.pins()).toEqual([]);
    expect(w.kernel.running()).toBe(0);
    expect(await detach("lo", { machine: w.machine(), events })).toEqual({ detached: false });
    expect(lines).toEqual(["detached the chain from lo", "xdpgen has nothing on lo: nothing was changed"]);
    expect(w.kernel.openFds).toBe(0);
  });

  it("clears what a deleted interface has left", async () => {
    using w = world();
    w.kernel.interfaces.set("gone0", 2_000_000);
    await attach(chain("call", numbered(1)), "gone0", { machine: w.machine() });
    w.kernel.deleteInterface("gone0");
    await expect(detach("gone0", { machine: w.machine() })).rejects.toMatchObject({ code: "interface-missing" });
    expect(w.pins()).toEqual([]);
  });
});

it("opens what runs, and says when nothing does", async () => {
  using w = world();
  await expect(open("lo", { machine: w.machine() })).rejects.toMatchObject({ code: "not-attached" });
  await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
  await using live = await open("lo", { machine: w.machine() });
  expect(live.status()).toMatchObject({ interface: "lo", ifindex: 1, chain: "test", generation: 1 });
});

it("names the nearest interface", async () => {
  using w = world();
  const attempt = attach(chain("call", numbered(1)), "loo", { machine: w.machine() });
  await expect(attempt).rejects.toThrow(/no interface loo .* did you mean lo\?/);
});
