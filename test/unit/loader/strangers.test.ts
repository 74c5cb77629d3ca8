/** What somebody puts in an attachment's folder in the place of what is xdpgen's hurts no other attachment, and detach removes it. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { attach } from "../../../src/loader/attachment.ts";
import { removeTree } from "../../../src/loader/live/pins.ts";
import { status } from "../../../src/loader/report/status.ts";
import { detach } from "../../../src/loader/swap/detach.ts";
import { numbered } from "../../support/verdict-program.ts";
import { chain, withMap, world, type World } from "./world.ts";

const STRANGERS = {
  "a map": ({ kernel }: World, path: string) => writeFileSync(path, String(kernel.foreignMap("theirs"))),
  "a program": ({ kernel }: World, path: string) => kernel.pin(kernel.foreign("theirs").number, path),
  "a folder": (_: World, path: string) => mkdirSync(path),
  "a symbolic link to itself": (_: World, path: string) => symlinkSync(path, path),
  "a symbolic link to nothing": (_: World, path: string) => symlinkSync("/nowhere/at-all", path),
  "a symbolic link": ({ root }: World, path: string) => {
    mkdirSync(`${root}-theirs`);
    writeFileSync(`${root}-theirs/kept`, "");
    symlinkSync(`${root}-theirs`, path);
  },
};

it.each(Object.entries(STRANGERS))("%s, in the place of each thing in turn", async (_, put) => {
  using first = await attached();
  const paths = first.pins().flatMap(withFolders);
  for (const kind of [
    /^42-1\/link$/,
    /dispatcher$/,
    /slot-p1$/,
    /slot-held$/,
    /program$/,
    /seen$/,
    /programs$/,
    /gen-1$/,
  ])
    expect(paths.some((path) => kind.test(path))).toBe(true);
  for (const path of new Set(paths)) {
    using w = await attached();
    const machine = w.machine();
    w.kernel.interfaces.set("other", 2);
    removeTree(`${w.root}/${path}`);
    put(w, `${w.root}/${path}`);
    await attach(chain("call", numbered(4)), "other", { machine });
    const seen = status(undefined, machine).filter(({ ifindex }) => ifindex === 2);
    expect(seen, `at ${path}`).toMatchObject([{ chain: "test", troubles: [] }]);
    await detach("other", { machine });
    await detach("lo", { machine });
    expect(w.kernel.running(), `at ${path}`).toBe(0);
    expect(w.pins(), `at ${path}`).toEqual([]);
    if (existsSync(`${w.root}-theirs`)) expect(existsSync(`${w.root}-theirs/kept`)).toBe(true);
  }
});

/** A path below the root and the folders above it, but for that of the attachment. */
function withFolders(path: string): readonly string[] {
  const folder = dirname(path);
  return folder.includes("/") ? [path, ...withFolders(folder)] : [path];
}

async function attached(): Promise<World> {
  const w = world();
  const fd = w.kernel.loadedAs("theirs", {}).number;
  const linked = numbered(2, { bytes: withMap(2), linkage: "call" });
  const programs = [numbered(1, { linkage: "freplace" }), linked, { name: "held", fd, priority: 3 }];
  await attach(chain("auto", ...programs), "lo", { machine: w.machine() });
  return w;
}
