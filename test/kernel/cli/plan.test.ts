/** `xdpgen plan` on a real interface: it changes nothing, and what it says is what `apply` then does. */
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AttachmentStatus, type MapForecast, open, type Preview } from "../../../src/loader/index.ts";
import { ethernet, frame, payload } from "../../../src/packets/index.ts";
import { counted } from "../../support/counted.ts";
import { loaderLinkages, runnableLinkages } from "../../support/linkages.ts";
import { compile } from "../../support/objects.ts";
import { page } from "../../support/published.ts";
import type { Veth } from "../../support/veth.ts";
import { expectRefusal, json, run, spawn } from "./command.ts";
import { expectUnchanged, type Folder, freshWorld, hostOnly, skipInShort, snapshot, type Snapshot } from "./world.ts";

let pair: Veth;
let here: Folder;
let before: Snapshot;
beforeEach(() => void ({ pair, here, before } = freshWorld()));
afterEach(async () => {
  await run(["detach", pair.far]);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

/** What the chains say that are written next. */
let history = 1;

const chain = (linkage: string, head: string, ...programs: readonly string[]): string =>
  here.write(
    "chain.yaml",
    `chain: xe\nlinkage: ${linkage}\nhistory: ${history}\n${head}programs:\n${programs.map((p) => `  - ${p}\n`).join("")}`,
  );

/** The plan of a chain, with everything in the kernel and in bpffs as it was before. */
async function plan(path: string, ...more: readonly string[]): Promise<Preview> {
  const now = snapshot();
  const answer = json(await run(["plan", path, "--dev", pair.far, "--json", ...more])) as {
    readonly planned: readonly Preview[];
  };
  await expectUnchanged(now);
  return answer.planned[0]!;
}

async function apply(path: string, ...more: readonly string[]): Promise<{ outcome: string; generation: number }> {
  const done = json(await run(["apply", path, "--dev", pair.far, "--json", ...more]));
  return (done as { readonly applied: readonly { outcome: string; generation: number }[] }).applied[0]!;
}

async function shown(): Promise<AttachmentStatus> {
  return (json(await run(["status", pair.far, "--json"])) as AttachmentStatus[])[0]!;
}

const idsOf = (status: AttachmentStatus | undefined): ReadonlyMap<string, number> =>
  new Map((status?.programs ?? []).flatMap((p) => p.maps.map(({ name, id }) => [`${p.name}/${name}`, id])));

/** Ids of the maps that the kernel has, by a tool that knows nothing of us. */
const mapsOfTheKernel = (): readonly number[] =>
  (JSON.parse(execFileSync("bpftool", ["-j", "map", "show"], { encoding: "utf8" })) as { readonly id: number }[]).map(
    ({ id }) => id,
  );

/** Plans, applies, and holds the one against the other. */
async function planned(path: string, ...more: readonly string[]): Promise<Preview> {
  const old = (await run(["status", pair.far])).status === 0 ? await shown() : undefined;
  const said = await plan(path, ...more);
  const done = await apply(path, ...more);
  expect(said).toMatchObject({ outcome: done.outcome, generation: done.generation });
  const now = await shown();
  const names = (kinds: readonly string[]): readonly string[] =>
    said.difference.programs.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => name);
  expect(names(["in", "changed", "unchanged"])).toEqual(now.programs.map(({ name }) => name));
  const live = new Set(old?.programs.map(({ name }) => name));
  expect(names(["in"])).toEqual(now.programs.filter(({ name }) => !live.has(name)).map(({ name }) => name));
  for (const { name, edges } of said.difference.programs) {
    const [from, to] = [old, now].map((status) => status?.programs.find((p) => p.name === name)?.edges ?? {});
    for (const edge of edges) {
      expect([from![edge.outcome] ?? "return", to![edge.outcome] ?? "return"]).toEqual([edge.from, edge.to]);
    }
  }

  const maps = said.difference.programs.flatMap((p): readonly MapForecast[] => p.maps);
  const [was, is] = [idsOf(old), idsOf(now)];
  const kept = maps.filter(({ contents }) => contents === "kept");
  const empty = maps.filter(({ contents }) => contents === "empty");
  expect([...kept, ...empty].map((m) => `${m.program}/${m.name}`).toSorted()).toEqual([...is.keys()].toSorted());
  for (const { program, name, id } of kept) expect(is.get(`${program}/${name}`)).toBe(id);
  for (const { program, name } of empty) expect([...was.values()]).not.toContain(is.get(`${program}/${name}`));
  const forgotten = said.forgotten.flatMap((generation): readonly MapForecast[] => generation.maps);
  for (const { id } of [...maps, ...forgotten].filter(({ contents }) => contents === "lost")) {
    await expect.poll(mapsOfTheKernel, { timeout: 5000 }).not.toContain(id);
  }
  for (const { id } of maps.filter(({ contents }) => contents === "held")) expect(mapsOfTheKernel()).toContain(id);
  const leave = said.forgotten.map(({ generation }) => generation);
  const stay = [...(old && history > 0 ? [old] : []), ...(old?.kept ?? [])].map(({ generation }) => generation);
  expect(now.kept.map(({ generation }) => generation)).toEqual(stay.filter((number) => !leave.includes(number)));
  expect(await plan(path, ...more)).toMatchObject({ outcome: "unchanged", generation: done.generation });
  return said;
}

const CASES = loaderLinkages.flatMap((linkage) => [0, 1].map((kept) => [linkage, kept] as const));

describe.each(CASES)("linkage %s, history %i", (linkage, kept) => {
  /** Of a map that the next chain does not have. */
  const gone = kept === 0 ? "lost" : "held";
  beforeEach((context) => {
    if (kept === 0) skipInShort(context, "what a history changes in a plan it changes on every kernel alike");
    history = kept;
  });
  afterEach(() => {
    history = 1;
  });

  it("each kind of change is planned, then applied as planned", async (context) => {
    skipInShort(
      context,
      "takes a minute in emulation; a run on this machine's own kernel has it by the other linkages",
    );
    const objects = Object.fromEntries(
      ["denylist", "counter", "echo", "ratelimit", "globals", "two"].map((name) => [name, here.object(name)]),
    );
    const { denylist, counter, echo, ratelimit } = objects;
    const deny = `{ name: deny, object: ${denylist}, priority: 10 }`;
    const count = `{ name: count, object: ${counter}, priority: 20 }`;

    const first = await planned(chain(linkage, "", deny, count));
    expect(first.present).toEqual({ link: "none", occupants: [] });
    expect(first.difference.programs.map(({ kind }) => kind)).toEqual(["in", "in"]);

    await using live = await open(pair.far);
    await live.testRun({ data: frame(ethernet(), payload(46)) });
    expect(counted(await shown(), "count")).toBe(1);

    const limit = `{ name: limit, object: ${ratelimit}, priority: 15 }`;
    const inAndOut = await planned(chain(linkage, "", limit, count));
    expect(inAndOut.present).toMatchObject({ link: "here", chain: "xe", generation: 1, mode: "native" });
    expect(inAndOut.difference.programs.map(({ kind, name }) => [kind, name])).toEqual([
      ["in", "limit"],
      ["unchanged", "count"],
      ["out", "deny"],
    ]);
    expect(counted(await shown(), "count")).toBe(1);

    const globals = `{ name: limit, object: ${ratelimit}, priority: 15, globals: { rate_pps: 5 } }`;
    const set = (await planned(chain(linkage, "", globals, count))).difference.programs[0]!;
    expect(set).toMatchObject({ kind: "changed", changes: { hash: {} }, maps: [{}, {}, {}] });
    expect(set.maps.every(({ contents }) => contents === "kept")).toBe(true);
    expect(Object.keys(set.changes)).toEqual(["hash"]);

    const last = `{ name: limit, object: ${ratelimit}, priority: 30, globals: { rate_pps: 5 } }`;
    const moved = await planned(chain(linkage, "", last, count));
    expect(moved.difference.programs.map((p) => [p.name, p.was, p.order])).toEqual([
      ["count", 2, 1],
      ["limit", 1, 2],
    ]);
    expect(moved.difference.programs.filter((p) => p.moved)).toHaveLength(1);

    const other = `{ name: limit, object: ${echo}, priority: 30 }`;
    const object = await planned(chain(linkage, "", other, count));
    expect(object.difference.programs[1]!.maps.map(({ contents }) => contents)).toContain(gone);
    expect(object.difference.programs[1]!.maps.map(({ contents }) => contents)).toContain("empty");

    const cut = `{ name: count, object: ${counter}, priority: 20, on: { drop: next, default: return } }`;
    const edges = await planned(chain(linkage, "end: drop\n", other, cut));
    expect(edges.difference).toMatchObject({ end: { from: "verdict", to: "drop" }, unreachable: [] });
    expect(edges.difference.programs[0]!.edges).toEqual([
      { outcome: "drop", from: "return", to: "limit" },
      { outcome: "pass", from: "limit", to: "return" },
    ]);
    const shut = `{ name: count, object: ${counter}, priority: 20, on: { default: return } }`;
    expect((await planned(chain(linkage, "end: drop\n", other, shut))).difference.unreachable).toEqual(["limit"]);
    expect((await planned(chain(linkage, "end: drop\n", other, cut))).difference.reachable).toEqual(["limit"]);

    const [one, two] = ["xdp_first", "xdp_second"].map(
      (f) => `{ name: two, object: ${objects["two"]}, function: ${f} }`,
    );
    await planned(chain(linkage, "", one!));
    expect((await planned(chain(linkage, "", two!))).difference.programs[0]!.changes).toMatchObject({
      function: { from: "xdp_first", to: "xdp_second" },
    });

    await planned(chain(linkage, "", deny, count));
    await planned(chain(linkage, "", count));
    const back = (await planned(chain(linkage, "", deny, count))).difference.programs[0]!;
    expect(back).toMatchObject({ name: "deny", kind: "in" });
    expect(new Set(back.maps.map(({ contents }) => contents))).toEqual(new Set([kept === 0 ? "empty" : "kept"]));
  });

  it("a map of another size starts empty, and one that is pinned by name is shared", async () => {
    const program = (entries: number, pinning: string): Uint8Array =>
      compile(`
        #define SEC(name) __attribute__((section(name), used))
        struct xdp_md { unsigned int data, data_end; };
        struct { int (*type)[1]; unsigned int *key; unsigned long long *value; int (*max_entries)[${entries}]; ${pinning} }
          seen SEC(".maps");
        static void *(*lookup)(void *map, const void *key) = (void *)1;
        SEC("xdp") int counted(struct xdp_md *ctx) { unsigned int key = 0; return lookup(&seen, &key) ? 2 : 1; }
        char _license[] SEC("license") = "GPL";
      `);
    here.write("own.o", program(4, ""));
    const own = chain(linkage, "", "{ name: own, object: own.o }");
    await planned(own);
    here.write("own.o", program(8, ""));
    expect((await planned(own)).difference.programs[0]).toMatchObject({
      kind: "changed",
      maps: [{ name: "seen", contents: "empty" }],
    });

    here.write("shared.o", program(4, "int (*pinning)[1];"));
    const [a, b] = ["a", "b"].map((name) => `{ name: ${name}, object: shared.o }`);
    expect((await planned(chain(linkage, "", a!))).difference.programs.flatMap(({ maps }) => maps)).toMatchObject([
      { program: "a", contents: "empty" },
      { program: "own", contents: gone },
    ]);
    expect((await planned(chain(linkage, "", a!, b!))).difference.programs.flatMap(({ maps }) => maps)).toMatchObject([
      { program: "a", contents: "kept" },
      { program: "b", contents: "kept" },
    ]);
    const { programs } = (await planned(chain(linkage, "", b!))).difference;
    expect(programs.flatMap(({ maps }) => maps)).toMatchObject([{ program: "b", contents: "kept" }]);
  });

  it("a chain of another linkage keeps its maps", async () => {
    const other = runnableLinkages.find((one) => one !== linkage)!;
    const object = here.object("counter");
    const path = chain(linkage, "", `{ name: count, object: ${object} }`);
    await planned(path);
    const { difference } = await planned(path, "--linkage", other);
    expect(difference.programs[0]).toMatchObject({ changes: { linkage: { from: linkage, to: other } } });
  });
});

it("an interface with a foreign program: refused, and with --replace taken over", async () => {
  const object = `${here.path}/${here.object("action")}`;
  const path = chain("call", "", `{ name: count, object: ${here.object("counter")} }`);
  execFileSync("ip", ["link", "set", "dev", pair.far, "xdp", "obj", object, "sec", "xdp"]);
  const now = snapshot();
  const { status, out } = await run(["plan", path, "--dev", pair.far]);
  expect(status).toBe(1);
  const id = (now.interfaces[0] as { xdp: { prog: { id: number } } }).xdp.prog.id;
  expect(out.replaceAll(/\s+/g, " ")).toMatch(
    new RegExp(`XDP program ${id} .* is not xdpgen's .*would refuse: .*--replace`),
  );
  await expectUnchanged(now);
  expectRefusal(await run(["apply", path, "--dev", pair.far]), 1, `program ${id}`);
  const taken = await plan(path, "--replace");
  expect(taken).toMatchObject({ outcome: "created", generation: 1, present: { occupants: [{ id, mode: "native" }] } });
  expect(await apply(path, "--replace")).toMatchObject({ outcome: "created", generation: 1 });
});

it("a link that somebody detached: attached anew, with the maps that it had", async () => {
  const path = chain("call", "", `{ name: count, object: ${here.object("counter")} }`);
  await apply(path);
  const [link] = snapshot().pins.filter((pin) => pin.endsWith("/link") && !before.pins.includes(pin));
  execFileSync("bpftool", ["link", "detach", "pinned", link!]);
  const said = await planned(path);
  expect(said).toMatchObject({ present: { link: "defunct", generation: 1 }, outcome: "created", generation: 2 });
  expect(said.difference.programs[0]).toMatchObject({
    kind: "unchanged",
    maps: [{ contents: "kept" }, { contents: "kept" }],
  });
});

it("--exit-code tells a script, and apply says the same before it acts", async () => {
  const path = chain("call", "", `{ name: count, object: ${here.object("counter")} }`);
  const ask = ["plan", path, "--dev", pair.far, "--exit-code"];
  const asked = await run(ask);
  expect(asked).toMatchObject({ status: 3, err: "" });
  const applied = await run(["apply", path, "--dev", pair.far]);
  expect(applied.err).toContain(asked.out);
  const { status, out } = await run(ask);
  expect({ status, out }).toEqual({
    status: 0,
    out: `${pair.far}: chain xe, generation 1, runs here in native mode\n  nothing to change\n`,
  });
  expect((await run(["apply", path, "--dev", pair.far])).out).toMatch(
    /^\S+: nothing to change: chain xe, generation 1/,
  );
  expect((await run([...ask, "--mode", "generic"])).status).toBe(1);
  expectRefusal(await run([...ask, "--mode", "fast"]), 2, "native");
});

it(
  "without privilege it says what it needs",
  hostOnly("the user and its capabilities are the host's", () => {
    const path = chain("call", "", `{ name: count, object: ${here.object("counter")} }`);
    execFileSync("chmod", ["-R", "a+rX", here.path]);
    const drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    expectRefusal(spawn(["plan", path, "--dev", pair.far], drop), 1, "CAP_NET_ADMIN", "sudo");
  }),
);

it("docs/plan.md shows what plan prints", async () => {
  const { blocks } = page("plan.md");
  for (const name of ["denylist", "counter", "ratelimit"]) here.object(name);
  const [live, declared] = blocks("yaml");
  await apply(here.write("edge.yaml", live!), "--linkage", "call");
  const path = here.write("edge.yaml", declared!);
  const { out } = await run(["plan", path, "--dev", pair.far, "--linkage", "call"], { columns: 200 });
  expect(out.replaceAll(`${here.path}/`, "").replace(pair.far, "eth0")).toBe(blocks("text")[0]);
});
