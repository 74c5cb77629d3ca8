/** The object that docs/elf.md builds is one that bpftool loads, by the page's own commands. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openKernel } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { page, publish } from "../support/published.ts";

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
