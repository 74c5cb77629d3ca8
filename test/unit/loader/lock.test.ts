/** flock on a folder, with the real call: it needs no privilege. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openKernel } from "../../../src/loader/ffi/index.ts";
import { lock, lockIfFree, readLockIfFree, withLock } from "../../../src/loader/machine/lock.ts";

const kernel = openKernel();
let base: string;
beforeEach(() => (base = mkdtempSync(join(tmpdir(), "xdpgen-lock-"))));
afterEach(() => rmSync(base, { recursive: true }));

it("is held by one at a time, and the others wait", async () => {
  const order: string[] = [];
  const hold = async (name: string): Promise<void> => {
    await withLock(kernel, `${base}/a`, {}, async () => {
      order.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 30));
      order.push(`${name} out`);
    });
  };
  await Promise.all([hold("1"), hold("2"), hold("3")]);
  for (let i = 0; i < order.length; i += 2) expect(order[i + 1]).toBe(order[i]!.replace("in", "out"));
  expect(order).toHaveLength(6);
});

it("is not taken once the signal has come, free or not", async () => {
  const signal = AbortSignal.abort(new Error("not wanted any more"));
  await expect(lock(kernel, `${base}/a`, { signal })).rejects.toThrow("not wanted any more");
  expect(existsSync(`${base}/a`)).toBe(false);
  const later = new AbortController();
  using held = await lock(kernel, `${base}/a`);
  const waiting = lock(kernel, `${base}/a`, { signal: later.signal });
  later.abort(new Error("nor this"));
  held[Symbol.dispose]();
  await expect(waiting).rejects.toThrow("nor this");
  expect(lockIfFree(kernel, `${base}/a`)).toBeDefined();
});

it("names its holder when waiting took too long", async () => {
  const held = await lock(kernel, `${base}/a`);
  const attempt = lock(kernel, `${base}/a`, { timeout: 30 });
  await expect(attempt).rejects.toMatchObject({ code: "conflict" });
  await expect(attempt).rejects.toThrow(
    new RegExp(`process ${process.pid} \\(.+\\) still held the lock on ${base}/a after 30 ms`),
  );
  held[Symbol.dispose]();
});

it("is of the folder that is there: one that its holder removed does not count", async () => {
  const first = await lock(kernel, `${base}/a`);
  const waiting = lock(kernel, `${base}/a`);
  await new Promise((resolve) => setTimeout(resolve, 30));
  rmSync(`${base}/a`, { recursive: true });
  first[Symbol.dispose]();
  const second = await waiting;
  await expect(lock(kernel, `${base}/a`, { timeout: 30 })).rejects.toMatchObject({ code: "conflict" });
  second[Symbol.dispose]();
});

it("of readers is shared, and excludes writers", async () => {
  const writer = await lock(kernel, `${base}/a`);
  expect(readLockIfFree(kernel, `${base}/a`)).toBeUndefined();
  writer[Symbol.dispose]();
  using one = readLockIfFree(kernel, `${base}/a`);
  using other = readLockIfFree(kernel, `${base}/a`);
  expect([one, other]).not.toContain(undefined);
  expect(lockIfFree(kernel, `${base}/a`)).toBeUndefined();
  await expect(lock(kernel, `${base}/a`, { timeout: 30 })).rejects.toMatchObject({ code: "conflict" });
  expect(readLockIfFree(kernel, `${base}/none`)).toBeUndefined();
});

it.each([Number.NaN, -1])("is not waited for %s milliseconds", async (timeout) => {
  await expect(lock(kernel, `${base}/a`, { timeout })).rejects.toMatchObject({ code: "usage" });
  expect(existsSync(`${base}/a`)).toBe(false);
});
