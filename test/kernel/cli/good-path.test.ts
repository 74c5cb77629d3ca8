/** The two commands of the promise and what belongs to them, end to end: build, load elsewhere, apply, look, swap, detach. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AttachmentStatus, open } from "../../../src/loader/index.ts";
import { ethernet, frame, payload } from "../../../src/packets/index.ts";
import { counted } from "../../support/counted.ts";
import { loaderLinkages } from "../../support/linkages.ts";
import { verdictPacket, visited } from "../../support/verdict-program.ts";
import type { Veth } from "../../support/veth.ts";
import { json, run } from "./command.ts";
import {
  BPFFS,
  expectUnchanged,
  type Folder,
  freshWorld,
  numberedChain,
  skipInShort,
  snapshot,
  type Snapshot,
  tree,
} from "./world.ts";

let pair: Veth;
let here: Folder;
let before: Snapshot;
beforeEach(() => void ({ pair, here, before } = freshWorld()));
afterEach(async () => {
  for (const end of [pair.far, pair.near]) await run(["detach", end]);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

interface Applied {
  readonly chain: string;
  readonly applied: readonly { readonly outcome: string; readonly generation: number; readonly mode: string }[];
}

const apply = async (path: string, ...more: readonly string[]): Promise<Applied["applied"][number]> => {
  const { applied } = json(await run(["apply", path, "--dev", pair.far, "--json", ...more])) as Applied;
  expect(applied).toHaveLength(1);
  return applied[0]!;
};
const shown = async (device = pair.far): Promise<AttachmentStatus> =>
  (json(await run(["status", device, "--json"])) as AttachmentStatus[])[0]!;

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  const chain = (...programs: readonly string[]): string =>
    here.write(
      "chain.yaml",
      `chain: xe\nlinkage: ${linkage}\nprograms:\n${programs.map((p) => `  - ${p}\n`).join("")}`,
    );

  it("build, bpftool, apply, status, apply, swap, detach", async () => {
    const [denylist, counter, echo] = ["denylist", "counter", "echo"].map((name) => here.object(name));
    const path = chain(
      `{ name: count, object: ${counter}, priority: 90 }`,
      `{ name: deny, object: ${denylist}, priority: 10 }`,
    );
    const object = `${here.path}/xe.bpf.o`;
    const built = await run(["build", path, "-o", object]);
    expect(built).toMatchObject({ status: 0, err: "" });
    const [written, figures, ...rest] = built.out.split("\n");
    expect([written, rest]).toEqual([`${object}: ${readFileSync(object).length} bytes`, [""]]);
    expect(figures).toMatch(/^\d+ instructions, \d functions? of 256, \d maps? of 64, \d+ bytes of stack of 512$/);
    const pins = `${BPFFS}/xe-bpftool-${process.pid}`;
    try {
      execFileSync("bpftool", ["prog", "loadall", object, pins, "type", "xdp"]);
      const loaded = tree(pins).map(
        (pin) => JSON.parse(bpftool("-j", "prog", "show", "pinned", pin)) as { type: string },
      );
      expect(loaded.map(({ type }) => type)).toEqual(["xdp"]);
      const dump = bpftool("prog", "dump", "xlated", "pinned", tree(pins)[0]!);
      expect(dump).toMatch(/^int (xdpgen_xe|deny|xdp_denylist)\w*\(/m);
      if (linkage === "call") expect(dump).toMatch(/xdp_denylist[\s\S]*xdp_counter/);
    } finally {
      execFileSync("rm", ["-rf", pins]);
    }
    await expectUnchanged(before);

    expect(await apply(path)).toMatchObject({ outcome: "created", generation: 1, mode: "native" });
    const first = await shown();
    expect(first).toMatchObject({ interface: pair.far, chain: "xe", end: "verdict", generation: 1, defunct: false });
    expect(first.programs.map(({ name, priority }) => ({ name, priority }))).toEqual([
      { name: "deny", priority: 10 },
      { name: "count", priority: 90 },
    ]);
    expect(JSON.parse(bpftool("-j", "prog", "show", "id", `${first.dispatcher.id}`))).toMatchObject({
      name: "xdpgen_xe",
      tag: first.dispatcher.tag,
    });
    expect(snapshot().interfaces).toMatchObject([
      { ifname: pair.far, xdp: { prog: { id: first.dispatcher.id } } },
      { ifname: pair.near },
    ]);

    await using live = await open(pair.far);
    const data = frame(ethernet(), payload(46));
    await live.testRun({ data });
    expect(counted(first, "count")).toBe(1);

    expect(await apply(path)).toMatchObject({ outcome: "unchanged", generation: 1 });
    expect(await shown()).toEqual(first);

    chain(
      `{ name: count, object: ${counter}, priority: 5 }`,
      `{ name: deny, object: ${denylist}, priority: 10 }`,
      `{ name: ping, object: ${echo}, priority: 20, proceed-on: [pass, tx] }`,
    );
    expect(await apply(path)).toMatchObject({ outcome: "swapped", generation: 2 });
    const second = await shown();
    expect(second.programs.map(({ name }) => name)).toEqual(["count", "deny", "ping"]);
    expect(second.programs.every((program) => program.linkage === linkage)).toBe(true);
    expect(second.dispatcher.id).not.toBe(first.dispatcher.id);
    if (linkage === "freplace") {
      const id = (status: AttachmentStatus): unknown => status.programs.find(({ name }) => name === "deny")!.id;
      expect(id(second)).toBe(id(first));
    }
    await live.testRun({ data });
    expect(counted(second, "count")).toBe(2);

    const text = await run(["status", pair.far]);
    expect(text.out).toMatch(
      /generation 2, native mode[\s\S]*count.* pass ↓[\s\S]*deny.* pass ↓[\s\S]*ping[\s\S]*packet[\s\S]*│ pass\n[\s\S]*ping .*▶ any action: return\n/,
    );
    expect(text.out).not.toContain("\u001B");

    expect(await run(["detach", pair.far])).toEqual({
      status: 0,
      out: `detached the chain from ${pair.far}\n`,
      err: "",
    });
    await expectUnchanged(before);
    const twice = await run(["detach", pair.far]);
    expect(twice).toEqual({ status: 0, out: `xdpgen has nothing on ${pair.far}: nothing was changed\n`, err: "" });
    await expectUnchanged(before);
  });

  it("two chains on two interfaces know nothing of each other", async () => {
    await apply(numberedChain(here, "one", [1, 2], `linkage: ${linkage}\n`));
    const other = numberedChain(here, "two", [2, 3], `linkage: ${linkage}\n`);
    expect((await run(["apply", other, "--dev", pair.near])).status).toBe(0);
    const [far, near] = [await shown(), await shown(pair.near)];
    expect(far.programs.map(({ name }) => name)).toEqual(["p1", "p2"]);
    expect(near.programs.map(({ name }) => name)).toEqual(["p2", "p3"]);
    const all = json(await run(["status", "--json"]));
    expect(all).toEqual(expect.arrayContaining([far, near]));

    await apply(numberedChain(here, "one", [1], `linkage: ${linkage}\n`));
    expect(await shown(pair.near)).toEqual(near);
    expect(await run(["detach", pair.far])).toMatchObject({ status: 0 });
    expect(await shown(pair.near)).toEqual(near);
    await using live = await open(pair.near);
    expect(visited((await live.testRun({ data: verdictPacket([2, 2, 2, 2]) })).dataOut)).toEqual([2, 3]);
    expect((await run(["detach", pair.near])).out).toBe(`detached the chain from ${pair.near}\n`);
    await expectUnchanged(before);
  });

  it("names may be long", async () => {
    numberedChain(here, "objects", [1, 2]);
    const names = ["a", "b"].map((letter) => letter.repeat(64));
    const list = names.map((name, i) => `  - { name: ${name}, object: v${i + 1}.bpf.o }\n`).join("");
    const path = here.write("long.yaml", `chain: xe-${"c".repeat(61)}\nlinkage: ${linkage}\nprograms:\n${list}`);
    expect(await apply(path)).toMatchObject({ outcome: "created" });
    expect((await shown()).programs.map(({ name }) => name)).toEqual(names);
    expect(await apply(path)).toMatchObject({ outcome: "unchanged" });
    expect(await run(["detach", pair.far])).toMatchObject({ status: 0 });
    await expectUnchanged(before);
  });

  it("255 programs apply, run and go", async (context) => {
    skipInShort(context, "behaviour.test.ts runs as many");
    const all = Array.from({ length: 255 }, (_, k) => k);
    const path = numberedChain(here, "many", all, `linkage: ${linkage}\n`);
    expect(await apply(path)).toMatchObject({ outcome: "created" });
    expect((await shown()).programs).toHaveLength(255);
    await using live = await open(pair.far);
    expect(visited((await live.testRun({ data: verdictPacket(all.map(() => 2)) })).dataOut)).toEqual(all);
    expect((await run(["status", pair.far])).out).toContain(
      `255 programs: \`xdpgen graph --dev ${pair.far} -o xe.svg\` draws them`,
    );
    expect(await run(["detach", pair.far])).toMatchObject({ status: 0 });
    await expectUnchanged(before);
  });
});

it("linkage auto says what it is and why", async () => {
  const { err, status } = await run(["apply", numberedChain(here, "chain", [1]), "--dev", pair.far]);
  expect(status).toBe(0);
  if (loaderLinkages.includes("freplace")) expect(err).not.toContain("linkage auto");
  else expect(err).toMatch(/linkage auto is call here: freplace refused: .*BPF_PROG_TYPE_EXT.* EPERM/);
});

it("a terminal gets colours and one live line, a pipe gets neither", async () => {
  const path = numberedChain(here, "chain", [1]);
  const piped = await run(["apply", path, "--dev", pair.far]);
  expect(piped.err).toContain(`${pair.far}: loading 1 program of chain xe\n`);
  for (const sign of ["\r", "\u001B"]) expect(piped.out + piped.err).not.toContain(sign);
  const terminal = await run(["apply", path, "--dev", pair.far, "--linkage", "call"], { terminal: true, columns: 40 });
  const [nothing, step, rest] = terminal.err.split("\r\u001B[K");
  expect(nothing).toBe("");
  expect(step).toMatch(/^\S.{0,38}$/);
  expect(rest).toBeDefined();
  expect(terminal.out).not.toContain("\r");
  expect((await run(["status"], { terminal: true })).out).toContain("\u001B[1m");
  expect((await run(["status", "--color", "never"], { terminal: true })).out).not.toContain("\u001B");
});

it("YAML anchors and merges mean what they mean in YAML", async () => {
  numberedChain(here, "objects", [1, 2]);
  const path = here.write(
    "chain.yaml",
    "chain: xe\nprograms:\n  - &first { name: p1, object: v1.bpf.o, proceed-on: &go [pass, tx] }\n" +
      "  - { <<: *first, name: again }\n  - { name: p2, object: v2.bpf.o, proceed-on: *go }\n",
  );
  await apply(path);
  const programs = (await shown()).programs.map(({ name, edges }) => [name, edges.pass, edges.tx, edges.drop]);
  expect(programs).toEqual([
    ["p1", "again", "again", undefined],
    ["again", "p2", "p2", undefined],
    ["p2", undefined, undefined, undefined],
  ]);
});

function bpftool(...args: readonly string[]): string {
  return execFileSync("bpftool", args, { encoding: "utf8" });
}
