/** What `preview` says, held against what the swap then does, on a kernel of plain objects; and `difference` by itself. */
import { unlinkSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Chain, isLinked, OBJECT_LINKAGES, type ObjectLinkage } from "../../../src/chain/chain.ts";
import type { Manifest, ManifestProgram } from "../../../src/codegen/index.ts";
import { attach } from "../../../src/loader/attachment.ts";
import type { Kernel } from "../../../src/loader/machine/kernel.ts";
import { preview } from "../../../src/loader/report/preview.ts";
import { status } from "../../../src/loader/report/status.ts";
import { difference, isNone } from "../../../src/loader/swap/difference.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { failure } from "./fake-kernel.ts";
import { chain, withMap, world, type World } from "./world.ts";

const DIR = "42-1";

function program(name: string, rest: Partial<ManifestProgram> = {}): ManifestProgram {
  const object = `${name}.bpf.o`;
  return { name, object, function: "f", priority: 50, edges: {}, linkage: "call", hash: name, ...rest };
}

/** A line of programs, each leading to the next on PASS and 31. */
function line(names: readonly string[], rest: Partial<Manifest> = {}): Manifest {
  const programs = names.map((name, i) => {
    const next = names[i + 1];
    return program(name, { edges: next === undefined ? {} : { pass: next, "no-verdict": next } });
  });
  return { chain: "edge", end: "verdict", programs, code: "0", ...rest };
}

function replaced(manifest: Manifest, name: string, rest: Partial<ManifestProgram>): Manifest {
  return { ...manifest, programs: manifest.programs.map((p) => (p.name === name ? { ...p, ...rest } : p)) };
}

const kinds = (live: Manifest | undefined, declared: Manifest): readonly string[] =>
  difference(live, declared).programs.map(({ kind, name, moved }) => `${kind} ${name}${moved ? " moved" : ""}`);

describe("difference", () => {
  it("without anything live has all programs in", () => {
    expect(kinds(undefined, line(["a", "b"]))).toEqual(["in a", "in b"]);
    expect(isNone(difference(undefined, line(["a"])))).toBe(false);
  });

  it("of the same is none, by whatever path an object is named", () => {
    const live = line(["a", "b"]);
    expect(isNone(difference(live, replaced(live, "a", { object: "/elsewhere/a.bpf.o" })))).toBe(true);
  });

  it("has in, out, and the edges that change with them", () => {
    const found = difference(line(["a", "b", "c"]), line(["a", "d", "c"]));
    expect(found.programs.map(({ kind, name, was, order }) => [kind, name, was, order])).toEqual([
      ["changed", "a", 1, 1],
      ["in", "d", undefined, 2],
      ["unchanged", "c", 3, 3],
      ["out", "b", 2, undefined],
    ]);
    expect(found.programs[0]!.edges).toEqual([
      { outcome: "pass", from: "b", to: "d" },
      { outcome: "no-verdict", from: "b", to: "d" },
    ]);
  });

  it.each<[string, Partial<ManifestProgram>, object]>([
    [
      "object",
      { hash: "x", object: "new.o" },
      { hash: { from: "b", to: "x" }, object: { from: "b.bpf.o", to: "new.o" } },
    ],
    ["globals", { hash: "x" }, { hash: { from: "b", to: "x" } }],
    ["function", { hash: "x", function: "g" }, { hash: { from: "b", to: "x" }, function: { from: "f", to: "g" } }],
    ["priority", { priority: "none" }, { priority: { from: 50, to: "none" } }],
    ["linkage", { linkage: "freplace" }, { linkage: { from: "call", to: "freplace" } }],
  ])("tells another %s", (_, rest, changes) => {
    const live = line(["a", "b", "c"]);
    const { programs } = difference(live, replaced(live, "b", rest));
    expect(programs.map(({ kind }) => kind)).toEqual(["unchanged", "changed", "unchanged"]);
    expect(programs[1]!.changes).toEqual(changes);
  });

  it("tells an edge by its action, and one that begins to keep the verdict", () => {
    const live = line(["a", "b"]);
    const next = replaced(live, "a", { edges: { tx: { to: "b", keep: "verdict" }, "no-verdict": "b" } });
    expect(difference(live, next).programs[0]!.edges).toEqual([
      { outcome: "pass", from: "b", to: "return" },
      { outcome: "tx", from: "return", to: { to: "b", keep: "verdict" } },
    ]);
    const kept = replaced(live, "a", { edges: { ...live.programs[0]!.edges, pass: { to: "b", keep: "verdict" } } });
    expect(difference(live, kept).programs[0]!.edges).toHaveLength(1);
  });

  it("tells the chain's name, its end, that it counts, and another xdpgen's code", () => {
    const live = line(["a"]);
    const found = difference(live, { ...live, chain: "core", end: "drop", counters: true, code: "1" });
    expect(found).toMatchObject({
      chain: { from: "edge", to: "core" },
      end: { from: "verdict", to: "drop" },
      counters: { from: false, to: true },
      code: true,
    });
    for (const rest of [{ chain: "core" }, { end: "drop" as const }, { counters: true as const }, { code: "1" }])
      expect(isNone(difference(live, { ...live, ...rest }))).toBe(false);
  });

  it("tells what no action leads to any more, and what one leads to again", () => {
    const live = line(["a", "b", "c"]);
    const cut = replaced(live, "a", { edges: { "no-verdict": "b" } });
    expect(difference(live, cut)).toMatchObject({ unreachable: ["b", "c"], reachable: [] });
    expect(difference(cut, live)).toMatchObject({ unreachable: [], reachable: ["b", "c"] });
    expect(difference(cut, cut)).toMatchObject({ unreachable: [], reachable: [] });
    const tx = replaced(cut, "a", { edges: { "no-verdict": "b", tx: { to: "c", keep: "verdict" } } });
    expect(difference(live, tx)).toMatchObject({ unreachable: ["b"] });
  });

  it("a program that is called return is entered by `{to}` only", () => {
    const live = { ...line([]), programs: [program("a", { edges: { pass: { to: "return" } } }), program("return")] };
    expect(difference(live, replaced(live, "a", { edges: {} })).unreachable).toEqual(["return"]);
  });

  it("moves the fewest programs that explain the new order", () => {
    expect(kinds(line(["a", "b", "c", "d"]), line(["d", "a", "b", "c"])).filter((k) => k.endsWith("moved"))).toEqual([
      "changed d moved",
    ]);
    const names = ["a", "b", "c", "d", "e", "f"];
    const order = fc.shuffledSubarray(names);
    fc.assert(
      fc.property(order, order, (from, to) => {
        const moved = new Set(difference(line(from), line(to)).programs.flatMap((p) => (p.moved ? [p.name] : [])));
        const common = (list: readonly string[]): string[] =>
          list.filter((name) => from.includes(name) && to.includes(name));
        const stay = (list: readonly string[]): string[] => common(list).filter((name) => !moved.has(name));
        expect(stay(from)).toEqual(stay(to));
        // No set of programs that is smaller would do.
        const all = common(to);
        for (let set = 0; set < 1 << all.length; set++) {
          const kept = all.filter((_, i) => set & (1 << i));
          const inOrder = kept.every((name, i) => i === 0 || from.indexOf(kept[i - 1]!) < from.indexOf(name));
          if (inOrder) expect(kept.length).toBeLessThanOrEqual(all.length - moved.size);
        }
      }),
    );
  });
});

/** Chains whose pairs make every kind of change. */
function variants(linkage: ObjectLinkage): readonly Chain[] {
  const counted = (version: number, rest = {}) => numbered(9, { name: "counted", bytes: withMap(version), ...rest });
  const both = chain(linkage, numbered(1), counted(1));
  const other = linkage === "call" ? "freplace" : "call";
  return [
    chain(linkage, numbered(1)),
    both,
    chain(linkage, counted(2), numbered(1)),
    chain(linkage, numbered(1), counted(1, { priority: 0 })),
    chain(linkage, numbered(1), counted(1, { linkage: other })),
    chain(linkage, numbered(1, { on: { default: "next", drop: "return pass" } }), counted(1)),
    chain(linkage, counted(1), counted(1, { name: "twin", priority: 10 })),
    { ...both, end: "drop" },
    { ...both, counters: true },
    { ...both, name: "other" },
  ];
}

/** Ids of the maps that are pinned, by program and name. */
function mapIds(w: World): ReadonlyMap<string, number> {
  const programs = status("lo", w.machine())[0]?.programs ?? [];
  return new Map(programs.flatMap((p) => p.maps.map(({ name, id }) => [`${p.name}/${name}`, id] as const)));
}

describe.each(OBJECT_LINKAGES)("preview, linkage %s", (linkage) => {
  it.each([false, true])("says what the swap then does, for maps pinned by name: %s", async (pinnedByName) => {
    const options = { maps: { seen: { pinnedByName } } };
    const seen = new Set<string>();
    // The fake kernel knows a map that is pinned by its name alone, and linked twins have one name each.
    const noTwins = pinnedByName && isLinked(linkage);
    const all = variants(linkage).filter(({ programs }) => !noTwins || programs.every((p) => p.name !== "twin"));
    for (const [i, before] of [undefined, all[1]!, all[2]!, all.at(-3)!].entries()) {
      for (const [j, after] of all.entries()) {
        using w = world(options);
        const machine = w.machine();
        if (before) await attach(before, "lo", { machine });
        const at = `${i} -> ${j}`;
        const [old, ids] = [w.snapshot(), mapIds(w)];
        const said = await preview(after, "lo", { machine });
        expect(w.snapshot(), `change ${at}`).toEqual(old);

        const { result } = await attach(after, "lo", { machine });
        expect(said, `change ${at}`).toMatchObject({ outcome: result!.outcome, generation: result!.generation });
        const [now, maps] = [mapIds(w), said.difference.programs.flatMap((p) => p.maps)];
        const writable = maps.filter(({ contents }) => contents !== "lost");
        expect(writable.map(({ program: p, name }) => `${p}/${name}`).toSorted(), `change ${at}`).toEqual(
          [...now.keys()].toSorted(),
        );
        for (const { program: p, name, contents, id } of maps) {
          seen.add(contents);
          const is = now.get(`${p}/${name}`);
          if (contents === "kept") expect(is, `change ${at}`).toBe(id);
          if (contents === "empty") expect([...ids.values()], `change ${at}`).not.toContain(is);
          if (contents === "lost") expect([...now.values()], `change ${at}`).not.toContain(id);
        }
        const gone = [...ids].filter(([, id]) => ![...now.values()].includes(id));
        const told = maps.map(({ program: p, name }) => `${p}/${name}`);
        for (const [pin] of gone) expect(told, `change ${at}`).toContain(pin);
        const again = await preview(after, "lo", { machine });
        expect(again, `change ${at}`).toMatchObject({ outcome: "unchanged", generation: result!.generation });
      }
    }
    expect([...seen].toSorted()).toEqual(["empty", "kept", "lost"]);
  });

  it("says which map starts empty because its definition changed", async () => {
    using w = world();
    const machine = w.machine();
    const version = (n: number): Chain => chain(linkage, numbered(1, { bytes: withMap(n) }));
    await attach(version(1), "lo", { machine });
    w.kernel.options = { maps: { seen: { maxEntries: 32 } } };
    const { difference: found } = await preview(version(2), "lo", { machine });
    expect(found.programs[0]!.maps).toEqual([{ program: "p1", name: "seen", contents: "empty" }]);
    // An unchanged program is not asked for its definition.
    expect((await preview(version(1), "lo", { machine })).difference.programs[0]!.maps).toMatchObject([
      { name: "seen", contents: "kept" },
    ]);
  });

  it("compares with the chain that ran, where the attachment is defunct or somebody is on its link", async () => {
    for (const harm of [detachOurLink, occupyOurLink]) {
      using w = world();
      const machine = w.machine();
      const same = chain(linkage, numbered(1, { bytes: withMap(1) }));
      await attach(same, "lo", { machine });
      harm(w);
      const said = await preview(same, "lo", { machine, replace: true });
      expect(said.difference.programs).toMatchObject([{ kind: "unchanged", maps: [{ contents: "kept" }] }]);
      const { result } = await attach(same, "lo", { machine, replace: true });
      expect(said).toMatchObject({ outcome: result!.outcome, generation: 2 });
      expect(said.outcome).not.toBe("unchanged");
    }
  });
});

function occupyOurLink({ kernel, root }: World): void {
  using link = kernel.openPin(`${root}/${DIR}/link`);
  using ours = kernel.programById(kernel.linkInfo(link.number).programId);
  kernel.updateLink(link.number, kernel.foreign("theirs").number, ours.number);
}

function detachOurLink({ kernel, root }: World): void {
  using link = kernel.openPin(`${root}/${DIR}/link`);
  kernel.detachLink(link.number);
}

describe("what is in the way", () => {
  const wanted = chain("call", numbered(1));
  const states: Record<string, (w: World) => unknown> = {
    nothing: () => {},
    "our chain": (w) => attach(wanted, "lo", { machine: w.machine() }),
    "a foreign program": (w) => w.kernel.occupy(1, "theirs"),
    "a foreign program on our link": async (w) => {
      await attach(wanted, "lo", { machine: w.machine() });
      occupyOurLink(w);
    },
    "our link, detached": async (w) => {
      await attach(wanted, "lo", { machine: w.machine() });
      detachOurLink(w);
    },
    "our link, detached, and a foreign program": async (w) => {
      await attach(wanted, "lo", { machine: w.machine() });
      detachOurLink(w);
      w.kernel.occupy(1, "theirs");
    },
    "our link, moved away": async (w) => {
      await attach(wanted, "lo", { machine: w.machine() });
      w.kernel.moveInterface("lo");
    },
  };

  it.each(Object.keys(states))("%s: attach refuses where preview says so, and for that reason", async (state) => {
    for (const replace of [false, true]) {
      for (const mode of ["auto", "native", "generic"] as const) {
        using w = world();
        await states[state]!(w);
        const machine = w.machine();
        const { obstacle } = await preview(wanted, "lo", { machine, replace, mode });
        const refusal = await attach(wanted, "lo", { machine, replace, mode }).then(
          () => undefined,
          (error: Error) => error.message,
        );
        // Of what was not tried it says nothing.
        expect(obstacle?.replace("; nothing was changed", "")).toBe(refusal?.replace("; nothing was changed", ""));
      }
    }
  });

  it("names who is there", async () => {
    using w = world();
    const id = w.kernel.occupy(1, "theirs", "generic");
    expect((await preview(wanted, "lo", { machine: w.machine() })).present).toEqual({
      link: "none",
      occupants: [{ id, name: "theirs", mode: "generic" }],
    });
  });
});

it("says that an extension has lost its link", async () => {
  using w = world();
  const machine = w.machine();
  const same = chain("freplace", numbered(1), numbered(2));
  await attach(same, "lo", { machine });
  unlinkSync(`${w.root}/${DIR}/gen-1/slot-p2`);
  expect(await preview(same, "lo", { machine })).toMatchObject({ repair: true, outcome: "swapped", generation: 2 });
});

describe("what changes while it is read", () => {
  const vanishing = (kernel: Kernel, times: number): Kernel => {
    let left = times;
    return watched(kernel, (_, call) => {
      if (call === "programById" && left-- > 0) throw failure(call, "ENOENT");
    });
  };

  it("is read again, and at last a conflict", async () => {
    using w = world();
    await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    const next = chain("call", numbered(1), numbered(2));
    const once = await preview(next, "lo", { machine: w.machine(vanishing(w.kernel, 1)) });
    expect(once).toEqual(await preview(next, "lo", { machine: w.machine() }));
    const always = preview(next, "lo", { machine: w.machine(vanishing(w.kernel, Infinity)) });
    await expect(always).rejects.toMatchObject({ code: "conflict" });
    expect(w.kernel.openFds).toBe(0);
  });

  it("any other failure says what was attempted, and leaves no fd", async () => {
    using w = world();
    await attach(chain("call", numbered(1)), "lo", { machine: w.machine() });
    const kernel = watched(w.kernel, (_, call) => {
      if (call === "mapInfo") throw failure(call, "EPERM");
    });
    await expect(preview(chain("call", numbered(1)), "lo", { machine: w.machine(kernel) })).rejects.toMatchObject({
      code: "kernel",
      message: expect.stringMatching(/^cannot compare chain test with what runs on lo: mapInfo: EPERM/) as string,
    });
    expect(w.kernel.openFds).toBe(0);
  });
});
