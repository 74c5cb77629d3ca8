/** One map for several programs, on a kernel of plain objects: whoever of them changes, goes and comes back, or fails. */
import { unlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Chain, OBJECT_LINKAGES, type Program } from "../../../src/chain/chain.ts";
import { attach, type Attachment } from "../../../src/loader/attachment.ts";
import { preview } from "../../../src/loader/report/preview.ts";
import { numbered } from "../../support/verdict-program.ts";
import { watched } from "../../support/watched-kernel.ts";
import { failure } from "./fake-kernel.ts";
import { chain as without, withMap, world } from "./world.ts";

const from = (program: string): Pick<Program, "maps"> => ({ maps: { seen: { from: program } } });
const one = (version: number): Program => numbered(1, { bytes: withMap(version) });
const two = (version: number): Program => numbered(2, { bytes: withMap(version), ...from("p1") });

function ids(live: Attachment): readonly (number | undefined)[] {
  return live.status().programs.map(({ maps }) => maps.find(({ name }) => name === "seen")?.id);
}

describe.each(OBJECT_LINKAGES)("linkage %s", (linkage) => {
  const chain = (...programs: readonly Program[]): Chain => ({ ...without(linkage, ...programs), history: 1 });

  it("is the same map after each of them has changed, gone and come", async () => {
    using w = world();
    const machine = w.machine();
    const live = await attach(chain(one(1)), "lo", { machine });
    const [id] = ids(live);
    for (const next of [
      chain(one(1), two(2)),
      chain(one(3), two(2)),
      chain(one(3), two(4)),
      chain(one(3)),
      chain(one(3), two(4), numbered(3, { bytes: withMap(5), ...from("p2") })),
    ]) {
      const planned = await preview(next, "lo", { machine });
      const maps = planned.difference.programs.filter(({ kind }) => kind !== "out").flatMap((program) => program.maps);
      expect(maps.map((map) => [map.contents, map.id])).toEqual(next.programs.map(() => ["kept", id]));
      await live.update(next);
      expect(ids(live)).toEqual(next.programs.map(() => id));
    }
    expect(w.kernel.openFds).toBe(0);
  });

  it("is there as long as one of them runs, and is the own one again of who says nothing more", async () => {
    using w = world();
    const live = await attach(chain(one(1), two(1)), "lo", { machine: w.machine() });
    const [id] = ids(live);
    await live.update(chain(numbered(2, { bytes: withMap(1) }), numbered(3)));
    expect(ids(live)).toEqual([id, undefined]);
  });

  it("leaves everything as it was when any one call fails", async () => {
    const calls: string[] = [];
    for (let at = 0; at === 0 || at <= calls.length; at++) {
      using w = world();
      await attach(chain(one(1)), "lo", { machine: w.machine() });
      const before = w.snapshot();
      const kernel = watched(w.kernel, (count, call) => {
        if (at === 0) calls[count - 1] = call;
        else if (count === at) throw failure(call, "EINVAL");
      });
      const failed = await attach(chain(one(1), two(2)), "lo", { machine: w.machine(kernel) }).then(
        () => false,
        () => true,
      );
      if (failed) expect(w.snapshot(), `call ${at}, ${calls[at - 1]}`).toEqual(before);
      expect(w.kernel.openFds).toBe(0);
    }
    expect(calls).toContain("updateLink");
  });

  it("is pinned in a bpffs only, and nothing is changed before that is known", async () => {
    using w = world();
    const machine = w.machine();
    const live = await attach(chain(one(1)), "lo", { machine });
    const before = w.snapshot();
    const pinned = chain({ ...one(1), maps: { seen: { pin: `${w.root}-pins/seen` } } });
    const message = /p1: map seen is to be pinned at \S+-pins\/seen, and \S+ is in no bpffs: choose a path/;
    await expect(live.update(pinned)).rejects.toMatchObject({
      code: "environment",
      message: expect.stringMatching(message),
    });
    await expect(preview(pinned, "lo", { machine })).rejects.toMatchObject({ code: "environment" });
    expect(w.snapshot()).toEqual(before);
  });

  it.each(["/sys/fs/bpf/xdpgen/42-1/link", "/sys/fs/bpf/xdpgen"])(
    "is never pinned at %s, which is xdpgen's own",
    async (pin) => {
      using w = world();
      const machine = w.machine();
      const live = await attach(chain(one(1)), "lo", { machine });
      const before = w.snapshot();
      const pinned = chain({ ...one(1), maps: { seen: { pin } } });
      const refused = { code: "map-pin", message: expect.stringContaining("is for xdpgen's own pins") as string };
      await expect(live.update(pinned)).rejects.toMatchObject(refused);
      await expect(preview(pinned, "lo", { machine })).rejects.toMatchObject(refused);
      expect(w.snapshot()).toEqual(before);
    },
  );
});

it.each(["p1", "p2"])("has the pin again that somebody removed, while its extension %s runs on", async (name) => {
  using w = world();
  const machine = w.machine();
  const chain = (...programs: readonly Program[]): Chain => without("freplace", ...programs);
  const live = await attach(chain(one(1), two(1)), "lo", { machine });
  const before = live.status().programs.flatMap(({ maps }) => maps);
  const pins = w.pins().filter((path) => path.endsWith("/seen"));
  unlinkSync(`${w.root}/${pins.find((path) => path.includes(`/${name}-`))!}`);
  const next = chain(one(1), two(1), numbered(3));
  const planned = await preview(next, "lo", { machine });
  expect(planned.difference.programs.flatMap(({ maps }) => maps.map(({ id }) => id))).toEqual(
    before.map(({ id }) => id),
  );
  await live.update(next);
  expect(live.status().programs.flatMap(({ maps }) => maps)).toEqual(before);
  // Where it is another program's map now, that takes it too.
  unlinkSync(`${w.root}/${pins.find((path) => path.includes("/p1-"))!}`);
  unlinkSync(`${w.root}/${pins.find((path) => path.includes("/p2-"))!}`);
  await live.update(chain(one(1), two(3), numbered(3)));
  expect(ids(live).slice(0, 2)).toEqual(before.map(({ id }) => id));
  expect(w.kernel.openFds).toBe(0);
});
