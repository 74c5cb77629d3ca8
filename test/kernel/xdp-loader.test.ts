/**
 * The commands of xdp-tools (Debian's 1.3.1 and whatever else is installed) on an interface that runs a chain, and a chain on an
 * interface that runs theirs. They attach by netlink, which the kernel refuses where a link is.
 */
import { spawnSync } from "node:child_process";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { attach, clearDefunct, detach, freplaceSupport, open, openKernel, status } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { chainOf } from "../support/chains.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { numbered, verdictPacket, visited } from "../support/verdict-program.ts";
import { type Veth, veth } from "../support/veth.ts";
import { attachmentFolder, tree } from "./cli/world.ts";

const FILTER = "/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_dny_ip.o";
const linkage = runnableLinkages.includes("freplace") ? "freplace" : "call";

let pair: Veth;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  pair = veth("xo");
});
afterEach(async () => {
  await detach(pair.far);
  pair[Symbol.dispose]();
  loader("clean");
});

const chain = (...programs: readonly number[]) =>
  chainOf(
    programs.map((k) => numbered(k)),
    { linkage },
  );

function loader(...words: readonly string[]): { readonly code: number | null; readonly said: string } {
  const { status: code, stdout, stderr } = spawnSync("xdp-loader", words, { encoding: "utf8" });
  return { code, said: stdout + stderr };
}

async function running(): Promise<readonly number[]> {
  await using live = await open(pair.far);
  const { dataOut } = await live.testRun({ data: verdictPacket([2, 2, 2, 2]) });
  return visited(dataOut);
}

it("xdp-loader can take nothing of a chain away, and adds nothing to it", async () => {
  await attach(chain(1, 2), pair.far);
  const before = { status: status(pair.far), pins: tree(attachmentFolder(openKernel().interfaceIndex(pair.far))) };
  const { id } = before.status[0]!.dispatcher;
  expect(loader("status").said).toMatch(new RegExp(`${pair.far} +xdpgen_test +native +${id} `));
  const attempts: readonly (readonly [words: readonly string[], refused: boolean])[] = [
    [["load", pair.far, FILTER], true],
    [["load", "-m", "skb", pair.far, FILTER], true],
    [["unload", pair.far, "-i", `${id}`], true],
    [["unload", pair.far, "--all"], true],
    [["clean", pair.far], false],
    [["clean"], false],
    [["status", pair.far], false],
  ];
  for (const [words, refused] of attempts) {
    const what = words.join(" ");
    const seen = {
      refused: loader(...words).code !== 0,
      status: status(pair.far),
      pins: tree(attachmentFolder(openKernel().interfaceIndex(pair.far))),
      running: await running(),
    };
    expect({ what, ...seen }).toEqual({ what, ...before, refused, running: [1, 2] });
  }
  expect((await attach(chain(1, 2), pair.far)).result).toMatchObject({ outcome: "unchanged" });
});

it("xdp-loader's own programs are named, left alone and taken over when asked; its clean then clears its pins", async ({
  skip,
}) => {
  const { supported, reason } = freplaceSupport(openKernel());
  skip(!supported, `xdp-loader loads extension programs: ${reason}`);
  expect(loader("load", pair.far, FILTER)).toMatchObject({ code: 0 });
  clearDefunct();
  const attempt = attach(chain(1), pair.far);
  await expect(attempt).rejects.toMatchObject({ code: "interface-occupied" });
  await expect(attempt).rejects.toThrow(
    /\(xdp_dispatcher\) in native mode, which is not xdpgen's; nothing was changed/,
  );
  expect(loader("status", pair.far).said).toContain("xdpfilt_dny_ip");
  await attach(chain(1), pair.far, { replace: true });
  expect(await running()).toEqual([1]);
  expect(loader("clean")).toMatchObject({ code: 0 });
  expect(tree("/sys/fs/bpf/xdp").filter((path) => path.includes("/dispatch-"))).toEqual([]);
  expect(await running()).toEqual([1]);
  expect(status(pair.far)).toMatchObject([{ defunct: false, troubles: [] }]);
});
