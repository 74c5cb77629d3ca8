/** The table of what kernels differ in: how releases compare, and that it has no row which no test asks for. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DIFFERENCES, isAtLeast } from "../support/kernel-differences.ts";

test.each([
  ["5.10.0-32-amd64", "5.10", true],
  ["5.10.0-32-amd64", "5.11", false],
  ["6.1.0-50-amd64", "5.18", true],
  ["6.1.0-50-amd64", "6.12", false],
  ["6.12.117+deb13-amd64", "6.6", true],
  ["7.2.13+deb14-amd64", "6.19", true],
])("%s is %s or later: %s", (running, wanted, expected) => {
  expect(isAtLeast(running, wanted)).toBe(expected);
});

test("each row says since when and where that is seen, and a test needs it", () => {
  const tests = ["kernel", "support", "fuzz"].flatMap((name) => {
    const folder = fileURLToPath(new URL(`../${name}`, import.meta.url));
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
    return files.filter((file) => file !== "kernel-differences.ts").map((file) => join(folder, file));
  });
  const text = tests.map((file) => readFileSync(file, "utf8")).join("\n");
  for (const [name, { since, source }] of Object.entries(DIFFERENCES)) {
    expect({ name, since, source }).toEqual({
      name,
      since: expect.stringMatching(/^\d\.\d+$/),
      source: expect.stringMatching(/^([0-9a-f]{12}|[\w/]+\.[ch], \w+)$/),
    });
    expect(text).toContain(`"${name}"`);
  }
});
