/** The process around the commands: what only its own streams can show. */
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const BIN = fileURLToPath(new URL("../../../src/cli/bin.ts", import.meta.url));

it("a full disk behind standard output ends in a message, not in a stack", () => {
  const full = openSync("/dev/full", "w");
  try {
    const argv = ["--import", import.meta.resolve("tsx"), BIN, "schema"];
    const { status, stderr } = spawnSync(process.execPath, argv, { stdio: ["ignore", full, "pipe"], encoding: "utf8" });
    expect(stderr).toMatch(/^error: cannot write to standard output: ENOSPC.*\n$/);
    expect(status).toBe(1);
  } finally {
    closeSync(full);
  }
});
