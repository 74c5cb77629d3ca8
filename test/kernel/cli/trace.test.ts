/** `xdpgen trace` as docs/trace.md shows it, on a capture that tcpdump wrote, with bpftool as the witness of each verdict. */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { openKernel } from "../../../src/loader/index.ts";
import { requireBpffs } from "../../../src/loader/machine/bpffs.ts";
import { ethernet, frame, icmpEcho, ipv4, payload, udp } from "../../../src/packets/index.ts";
import { pcap } from "../../support/captures.ts";
import { page } from "../../support/published.ts";
import { json, run } from "./command.ts";
import { BPFFS, expectUnchanged, type Folder, folder, snapshot, type Snapshot } from "./world.ts";

let here: Folder;
let before: Snapshot;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => {
  here = folder();
  before = snapshot();
});
afterEach(async () => {
  await expectUnchanged(before);
  here[Symbol.dispose]();
});

const FRAMES = [
  frame(ethernet(), ipv4({ src: "198.51.100.7" }), udp({ dst: 53 }), payload(18)),
  frame(ethernet(), ipv4(), icmpEcho(), payload(56)),
];

/** The capture and the chain of the page, in a folder of their own. */
function files(): { readonly chain: string; readonly capture: string } {
  const { blocks } = page("trace.md");
  for (const name of ["denylist", "echo"]) here.object(name);
  const chain = here.write("chain.yaml", blocks("yaml")[0]!);
  const ours = `${here.path}/ours.pcap`;
  const capture = `${here.path}/capture.pcap`;
  writeFileSync(ours, pcap(FRAMES.map((data, i) => ({ data, wireLength: data.length, time: BigInt(i) * 250_000n }))));
  execFileSync("tcpdump", ["-r", ours, "-w", capture], { stdio: "pipe" });
  return { chain, capture };
}

it("prints what its page shows, but for the times", async () => {
  const { chain, capture } = files();
  const { out, status } = await run(["trace", chain, capture]);
  const plain = (text: string): string =>
    text.replaceAll(/ +\d+ ns| +MEAN NS/g, "").replaceAll(/^([a-z].*?) +\d+$/gm, "$1");
  expect(plain(out)).toBe(plain(page("trace.md").blocks("text")[0]!));
  expect(status).toBe(0);
});

it("gives the verdicts that bpftool sees", async () => {
  const { chain, capture } = files();
  const object = `${here.path}/edge.bpf.o`;
  await run(["build", chain, "-o", object]);
  const pin = `${BPFFS}/trace-${process.pid}`;
  const { packets } = json(await run(["trace", chain, capture, "--json"])) as { packets: { verdict: string }[] };
  try {
    execFileSync("bpftool", ["prog", "load", object, pin]);
    const seen = FRAMES.map((data) => {
      const path = `${here.path}/frame`;
      writeFileSync(path, data);
      const said = execFileSync("bpftool", ["-j", "prog", "run", "pinned", pin, "data_in", path], { encoding: "utf8" });
      return (JSON.parse(said) as { retval: number }).retval;
    });
    expect(packets.map(({ verdict }) => ["aborted", "drop", "pass", "tx", "redirect"].indexOf(verdict))).toEqual(seen);
  } finally {
    rmSync(pin, { force: true });
  }
});
