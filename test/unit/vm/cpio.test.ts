import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findCommand } from "../../../scripts/debian/run.ts";
import { writeCpio } from "../../../scripts/vm/cpio.ts";
import type { CpioEntry } from "../../../scripts/vm/cpio.ts";

const busybox = findCommand("busybox") ?? "busybox";

describe("a cpio archive", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cpio-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const cpio = (archive: Uint8Array, ...options: string[]): { status: number | null; lines: string[] } => {
    const { status, stdout } = spawnSync(busybox, ["cpio", ...options], { input: archive, cwd: folder });
    return { status, lines: stdout.toString().split("\n").filter(Boolean) };
  };

  test("is listed by busybox in the order that it was written in", () => {
    const archive = writeCpio([
      { path: "bin", mode: 0o755 },
      { path: "bin/tool", mode: 0o755, bytes: Buffer.from("12345") },
      { path: "empty", mode: 0o644, bytes: new Uint8Array() },
    ]);
    expect(cpio(archive, "-t")).toEqual({ status: 0, lines: ["bin", "bin/tool", "empty"] });
  });

  test("starts with a header of 110 digits and keeps every part at a multiple of four", () => {
    const archive = writeCpio([{ path: "ab", mode: 0o600, bytes: Buffer.from("x") }]);
    expect(archive.subarray(0, 110).toString()).toBe(
      "070701" +
        ["00000001", "00008180", "00000000", "00000000", "00000001", "00000000", "00000001"].join("") +
        ["00000000", "00000000", "00000000", "00000000", "00000003", "00000000"].join(""),
    );
    expect(archive.subarray(110, 120).toString()).toBe("ab\0\0\0\0x\0\0\0".slice(0, 10));
    expect(archive.length % 4).toBe(0);
    expect(archive.includes("TRAILER!!!\0")).toBe(true);
  });

  test("gives back the bytes and modes of any files", () => {
    const file = fc.record({
      mode: fc.constantFrom(0o644, 0o755, 0o600),
      bytes: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(file, { maxLength: 6 }), (files) => {
        const entries: CpioEntry[] = files.map(({ mode, bytes }, index) => ({ path: `f${index}`, mode, bytes }));
        expect(cpio(writeCpio(entries), "-idu").status).toBe(0);
        for (const { path, mode, bytes } of entries) {
          expect(new Uint8Array(readFileSync(join(folder, path)))).toEqual(bytes);
          expect(statSync(join(folder, path)).mode & 0o777).toBe(mode);
        }
      }),
      { numRuns: 25 },
    );
  });
});
