/** The LLVMs that other tests take as witnesses are what they say they are, and a missing one is missed aloud. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findCommand } from "../../../scripts/debian/run.ts";
import { cachedLlvm, libraryPaths, llvmCommand, newestVersion } from "../../../scripts/llvm/llvm.ts";
import { INCOMPLETE, LLVMS } from "../../support/llvm-tools.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

describe.each(LLVMS.map((llvm) => [llvm.version, llvm] as const))("LLVM %i", (version, llvm) => {
  test.each(["llvm-mc", "llvm-objdump", "llvm-readelf"] as const)("runs %s and is of that version", (tool) => {
    const [file, ...words] = llvm.command(tool);
    expect(execFileSync(file, [...words, "--version"], { encoding: "utf8" })).toContain(`LLVM version ${version}.`);
  });

  test("assembles for BPF", () => {
    const [file, ...words] = llvm.command("llvm-mc");
    const args = [...words, "-triple", "bpfel", "-show-encoding"];
    // RFC 9669: BPF_ALU64 | BPF_MOV | BPF_X, source in the upper half of the second byte.
    expect(execFileSync(file, args, { input: "r1 = r6\n", encoding: "utf8" })).toContain("0xbf,0x61,0x00,0x00");
  });
});

test("an LLVM that knows the whole instruction set is among them", (context) => {
  context.skip(INCOMPLETE !== undefined, INCOMPLETE);
  const [file, ...words] = LLVMS.at(-1)!.command("llvm-mc");
  const args = [...words, "-triple", "bpfel", "-mcpu=v4", "-show-encoding"];
  // linux/bpf.h: BPF_LOAD_ACQ is 0x100, in an atomic of 64 bits (0xdb).
  const text = execFileSync(file, args, { input: "r0 = load_acquire((u64 *)(r1 + 0))\n", encoding: "utf8" });
  expect(text).toContain("0xdb,0x10,0x00,0x00,0x00,0x01,0x00,0x00");
});

describe("the cache of LLVMs", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "llvm-cache-"));
    vi.stubEnv("XDG_CACHE_HOME", folder);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });

  test("is empty before anything was fetched", () => {
    expect(cachedLlvm()).toBeUndefined();
  });

  test("gives the newest by number, and nothing that is still being made", () => {
    for (const name of ["9", "23", "19", ".new-abc"])
      mkdirSync(join(folder, "xdpgen", "llvm", name), { recursive: true });
    expect(cachedLlvm()).toEqual({ version: 23, root: join(folder, "xdpgen", "llvm", "23") });
  });

  test("without a loader is refused by name", () => {
    mkdirSync(join(folder, "lib"));
    expect(() => llvmCommand({ version: 23, root: folder }, "llvm-mc")).toThrow(`no loader ld-linux* among`);
  });

  /** Fetches with apt's sources replaced by one line, and with no LLVM in PATH that would do instead. */
  const fetchFrom = (source: string) => {
    writeFileSync(join(folder, "sources.list"), source);
    writeFileSync(
      join(folder, "apt.conf"),
      `Dir::Etc::SourceList "${join(folder, "sources.list")}"; Dir::Etc::SourceParts "/dev/null";`,
    );
    const { status, stderr } = spawnSync(process.execPath, ["--import", "tsx", "scripts/llvm/main.ts"], {
      cwd: root,
      env: { ...process.env, PATH: "", APT_CONFIG: join(folder, "apt.conf") },
      encoding: "utf8",
    });
    return { status, lines: stderr.split("\n"), left: readdirSync(join(folder, "xdpgen", "llvm")) };
  };
  const apt = findCommand("apt-get");

  test("stays as it was when the mirror is out of reach, and each suite's answer is said", (context) => {
    context.skip(apt === undefined, "no apt-get on this machine");
    const { status, lines, left } = fetchFrom(`deb file:${join(folder, "no-mirror")} sid main\n`);
    expect(lines).toEqual(
      expect.arrayContaining([
        "llvm: fetching Debian's newest LLVM from sid, once",
        "llvm: fetching Debian's newest LLVM from forky, once",
        "llvm: Debian's newest LLVM could not be fetched; the cache is as it was",
        expect.stringMatching(/^fetching the package lists of Debian sid failed: /),
        expect.stringMatching(/^fetching the package lists of Debian forky failed: /),
      ]),
    );
    expect({ status, left }).toEqual({ status: 1, left: [] });
  });

  test("asks no mirror of another distribution", (context) => {
    context.skip(apt === undefined, "no apt-get on this machine");
    const { status, lines, left } = fetchFrom("deb file:/nowhere noble main\n");
    expect(lines.join("\n")).toContain("no Debian mirror among this machine's apt sources");
    expect({ status, left }).toEqual({ status: 2, left: [] });
  });
});

test("the newest LLVM of a suite is the greatest number, not the last word", () => {
  expect(newestVersion(["llvm-9", "llvm-23", "llvm-19-dev", "llvm-dev", "llvm-23-tools", "llvm-spirv-99", ""])).toBe(
    23,
  );
  expect(newestVersion(["llvm-dev", ""])).toBe(0);
});

test("what the loader lists is the libraries' files, and the name of one that is missing", () => {
  const listed = [
    "\tlinux-vdso.so.1 (0x00007fba57f27000)",
    "\tlibz.so.1 => /tmp/lib/libz.so.1 (0x00007fba57e68000)",
    "\tlibcurl.so.4 => not found",
    "\t/lib64/ld-linux-x86-64.so.2 => /tmp/lib/ld-linux-x86-64.so.2 (0x00007fba57f29000)",
    "",
  ];
  expect(libraryPaths(listed.join("\n"))).toEqual(["/tmp/lib/libz.so.1", "libcurl.so.4"]);
});
