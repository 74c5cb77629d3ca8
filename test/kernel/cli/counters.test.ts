/** `counters: true` under traffic of two senders: what status, graph and bpftool show is what went over the wire. */
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AttachmentStatus, openKernel } from "../../../src/loader/index.ts";
import { loaderLinkages } from "../../support/linkages.ts";
import { traffic } from "../../support/traffic.ts";
import { verdictPacket } from "../../support/verdict-program.ts";
import type { Veth } from "../../support/veth.ts";
import { json, run } from "./command.ts";
import { EMULATED, expectUnchanged, type Folder, freshWorld, numberedChain, type Snapshot } from "./world.ts";

const FRAMES = EMULATED ? 10_000 : 300_000;
const SENDERS = 2;
/** What a CPU counts of one program, as bpftool names it. */
const OUTCOMES = ["aborted", "drop", "pass", "tx", "redirect", "no_verdict", "other"];

let pair: Veth;
let here: Folder;
let before: Snapshot;
beforeEach(() => void ({ pair, here, before } = freshWorld(SENDERS)));
afterEach(async () => {
  await run(["detach", pair.far]);
  await expectUnchanged(before);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

const shown = async (): Promise<AttachmentStatus> =>
  (json(await run(["status", pair.far, "--json"])) as AttachmentStatus[])[0]!;
const drawn = async (format: string): Promise<string> =>
  (await run(["graph", "--dev", pair.far, "--format", format])).out;
const none = { aborted: 0, drop: 0, pass: 0, tx: 0, redirect: 0, "no-verdict": 0, other: 0 };

interface Dumped {
  readonly formatted: {
    readonly values: readonly { readonly value: Record<string, Record<string, number>> }[];
  };
}

/** The counters as bpftool dumps them, one value for each CPU. */
function dumped(dispatcher: number): Dumped["formatted"]["values"] {
  const bpftool = (...args: readonly string[]): unknown =>
    JSON.parse(execFileSync("bpftool", ["-j", ...args], { encoding: "utf8" }));
  const { map_ids: maps } = bpftool("prog", "show", "id", `${dispatcher}`) as { map_ids: readonly number[] };
  const names = maps.map((id) => (bpftool("map", "show", "id", `${id}`) as { name: string }).name);
  const counters = maps[names.indexOf("xdpgen__counts")];
  return (bpftool("map", "dump", "id", `${counters}`) as Dumped[])[0]!.formatted.values;
}

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  const chain = (counters: boolean): string =>
    numberedChain(here, "chain", [0, 1, 2], `linkage: ${linkage}\ncounters: ${counters}\n`);
  const apply = async (counters: boolean): Promise<unknown> =>
    json(await run(["apply", chain(counters), "--dev", pair.far, "--json"]));

  it("counts each frame once, on every CPU, and shows it wherever the chain is shown", async () => {
    await apply(true);
    using source = traffic(openKernel(), pair.near);
    const send = async (codes: readonly number[]): Promise<number> => {
      const sentBefore = source.sent();
      // Copies share memory, and programs only note in it that they ran.
      await Promise.all(Array.from({ length: SENDERS }, () => source.send(verdictPacket(codes), FRAMES)));
      return source.sent() - sentBefore;
    };
    const dropped = await send([2, 1, 1]);
    const unspoken = await send([2, 31, 1]);
    const all = dropped + unspoken;
    expect(dropped).toBeGreaterThan(0);

    const status = await shown();
    expect(status.programs.map(({ name, counts }) => [name, counts])).toEqual([
      ["p0", { ...none, pass: all }],
      ["p1", { ...none, drop: dropped, "no-verdict": unspoken }],
      ["p2", { ...none, drop: unspoken }],
    ]);
    const values = dumped(status.dispatcher.id);
    const sum = (program: string, outcome: string): number =>
      values.reduce((total, { value }) => total + value[program]![outcome]!, 0);
    expect(Object.keys(values[0]!.value)).toEqual(["p0", "p1", "p2"]);
    expect(Object.keys(values[0]!.value["p0"]!)).toEqual(OUTCOMES);
    expect([sum("p0", "pass"), sum("p1", "drop"), sum("p1", "no_verdict")]).toEqual([all, dropped, unspoken]);
    const perCpu = values.map(({ value }) => value["p0"]!["pass"]!);
    console.log(`linkage ${linkage}: ${all} frames, counted once each; by CPU ${perCpu.join(" ")}`);

    const words = (count: number): string => count.toLocaleString("en-US");
    const text = await drawn("text");
    expect(text).toContain(`│ pass ${words(all)}`);
    expect(text).toContain(`drop ${words(dropped)}, tx, redirect: return`);
    expect(text).toContain(`31 ${words(unspoken)}`);
    for (const format of ["svg", "dot"]) {
      const picture = await drawn(format);
      for (const count of [all, dropped, unspoken]) expect(picture).toContain(` ${words(count)}`);
    }
    const { out } = await run(["status", pair.far], { columns: 120 });
    expect(out).toContain(`│ pass ${words(all)}`);
    expect(out).toMatch(
      new RegExp(`packets.*\\n.* p0 +${words(all)} .*\\n.* p1 +${words(all)} .*\\n.* p2 +${words(unspoken)} `),
    );
  });

  it("begins anew with each generation, and plan tells of the change", async () => {
    await apply(false);
    const quiet = await shown();
    expect(quiet.programs.some((program) => "counts" in program)).toBe(false);
    expect((await run(["status", pair.far])).out).not.toContain("packets");

    const begins = await run(["plan", chain(true), "--dev", pair.far]);
    expect(begins.out).toContain("\n  ~ counters: false -> true\n");
    expect(await apply(true)).toMatchObject({ applied: [{ outcome: "swapped", generation: 2 }] });
    using source = traffic(openKernel(), pair.near);
    const sent = await source.send(verdictPacket([1]), 1000);
    expect((await shown()).programs[0]!.counts).toEqual({ ...none, drop: sent });
    expect(await apply(true)).toMatchObject({ applied: [{ outcome: "unchanged" }] });
    expect((await shown()).programs[0]!.counts).toEqual({ ...none, drop: sent });

    const more = numberedChain(here, "more", [0, 1], `linkage: ${linkage}\ncounters: true\n`);
    await run(["apply", more, "--dev", pair.far]);
    expect((await shown()).programs.map(({ counts }) => counts)).toEqual([none, none]);
    expect((await run(["plan", chain(false), "--dev", pair.far])).out).toContain("\n  ~ counters: true -> false\n");
  });
});
