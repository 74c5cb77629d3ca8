import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCommandLine } from "../../../scripts/vm/command-line.ts";
import { jobScript, shellQuote } from "../../../scripts/vm/job.ts";
import { qemuArguments } from "../../../scripts/vm/qemu.ts";

describe("the command line", () => {
  test("keeps everything after -- for the guest", () => {
    const words = ["--kernel", "6.12", "--cpus", "2", "--timeout", "30", "--", "sh", "-c", "a -- b", "--kernel"];
    expect(parseCommandLine(words)).toEqual({
      kernel: "6.12",
      command: ["sh", "-c", "a -- b", "--kernel"],
      memory: "2G",
      cpus: 2,
      timeoutSeconds: 30,
      append: [],
    });
  });

  test.each([
    [["--kernel", "4.19", "--", "true"], "there are 5.10, 6.1, 6.12, 7.2"],
    [["--cpus", "none", "--", "true"], '--cpus takes a whole number from 1, not "none"'],
    [["--icount", "--cpus", "2", "--", "true"], "--icount counts the instructions of one processor, not 2"],
    [["--memory", "2", "--", "true"], "--memory takes a size such as 2G"],
    [["--krnel", "6.1", "--", "true"], "--krnel"],
    [["--kernel", "6.1"], 'put it after "--"'],
  ])("%j is refused", (words, message) => expect(() => parseCommandLine(words)).toThrow(message));
});

describe("the job", () => {
  test("reaches its program as it was written, whatever is in it", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary-ascii" })), (words) => {
        const clean = words.map((word) => word.replaceAll("\0", ""));
        const printed = spawnSync("sh", ["-c", `printf '%s\\0' x ${clean.map(shellQuote).join(" ")}`]);
        expect(printed.stdout.toString().split("\0")).toEqual(["x", ...clean, ""]);
      }),
      { numRuns: 30 },
    );
  });

  test("runs in its folder with its variables", () => {
    const script = jobScript({
      command: ["sh", "-c", 'echo "$PWD $NAME"'],
      folder: "/usr",
      environment: { NAME: "it's" },
    });
    expect(spawnSync("sh", ["-c", script]).stdout.toString()).toBe("/usr it's\n");
  });
});

describe("QEMU's arguments", () => {
  const machine = {
    kernelImage: "/k",
    initramfs: "/i",
    cpus: 2,
    memory: "1G",
    out: "/tmp/a,b",
    console: "/c",
    ports: { status: "/s" },
    append: ["nokaslr"],
  };

  test("share the root read-only and never run several emulation threads", () => {
    const words = qemuArguments(machine);
    expect(words).toContain("tcg,thread=single");
    expect(words.filter((word) => word.includes("mount_tag=host"))).toEqual([
      "local,path=/,mount_tag=host,security_model=none,multidevs=remap,readonly=on",
    ]);
    expect(words.find((word) => word.includes("mount_tag=out"))).toContain("path=/tmp/a,,b,");
    expect(words[words.indexOf("-append") + 1]).toMatch(/^console=ttyS0 .*panic=-1 .*nokaslr$/);
  });

  test("have no second share without a folder for it", () => {
    expect(qemuArguments({ ...machine, out: undefined }).join(" ")).not.toContain("mount_tag=out");
  });
});
