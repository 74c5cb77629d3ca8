/** Commands of docs/ that need a kernel do what the pages say. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openKernel } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { page, publish } from "../support/published.ts";
import { run } from "./cli/run.ts";
import { freshWorld } from "./cli/world.ts";

it("docs/elf.md: bpftool loads what the example wrote, and the kernel shows its code", ({ skip }) => {
  skip(
    process.env["XDPGEN_VM"] !== undefined,
    "seen on the host: the kernel's part is two instructions, the compiler's minutes",
  );
  skip(process.getuid?.() !== 0, "loading BPF programs needs root");
  const { blocks } = page("elf.md");
  const pins = mkdtempSync(
    join(
      requireBpffs(openKernel(), () => {}),
      "docs-",
    ),
  );
  using published = publish();
  try {
    published.run("elf", blocks("ts")[0]!);
    const commands = blocks("sh")[0]!.replaceAll("/sys/fs/bpf", pins);
    expect(execFileSync("sh", ["-e"], { input: commands, cwd: published.folder, encoding: "utf8" })).toBe(
      blocks("text")[1],
    );
  } finally {
    rmSync(pins, { recursive: true });
  }
});

it("docs/lifecycle.md: the commands of the unit attach the chain while the interface is down and fill its map, at each start", async () => {
  const { text, blocks } = page("lifecycle.md");
  const unit = blocks("ini")[0]!;
  const commandOf = (key: string): readonly string[] => new RegExp(`^${key}=(.+)$`, "m").exec(unit)![1]!.split(" ");
  const { pair, here } = freshWorld();
  const pins = mkdtempSync(
    join(
      requireBpffs(openKernel(), () => {}),
      "docs-",
    ),
  );
  const pin = `${pins}/denylist_v4`;
  const local = (shown: string): string => shown.replaceAll("/sys/fs/bpf/denylist_v4", pin);
  const entries = (): unknown[] =>
    JSON.parse(execFileSync("bpftool", ["-j", "map", "dump", "pinned", pin], { encoding: "utf8" })) as unknown[];
  try {
    here.object("denylist");
    const declared = blocks("yaml").find((yaml) => yaml.includes("/sys/fs/bpf/denylist_v4"))!;
    const chain = here.write("edge.yaml", local(declared));
    const filling = here.write("denylist", local(blocks("sh")[0]!));
    execFileSync("ip", ["link", "set", pair.far, "down"]);
    const [, ...argv] = commandOf("ExecStart");
    expect(commandOf("ExecReload").slice(1)).toEqual(argv);
    const words = argv.map((word) => (word === "/etc/xdpgen/edge.yaml" ? chain : word === "eth0" ? pair.far : word));
    const [bpftool, ...batch] = commandOf("ExecStartPost");
    expect(bpftool).toMatch(/\/bpftool$/);
    for (const start of [1, 2]) {
      expect(await run([...words, "--json"]), `start ${start}`).toMatchObject({
        status: 0,
        out: expect.stringMatching(/"outcome": "created",\s+"generation": 1,/),
      });
      expect(entries()).toEqual([]);
      execFileSync(
        "bpftool",
        batch.map((word) => (word === "/etc/xdpgen/denylist" ? filling : word)),
      );
      expect(entries()).toHaveLength(2);
      // What a start does not find any more.
      await run(["detach", pair.far]);
      unlinkSync(pin);
    }
    expect(text).toContain("here 10.1.2.3 and 198.51.100.0/24:");
  } finally {
    await run(["detach", pair.far]);
    pair[Symbol.dispose]();
    here[Symbol.dispose]();
    rmSync(pins, { recursive: true });
  }
});
