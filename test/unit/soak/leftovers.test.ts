/** What a soak counts of its own fds: not only those of BPF objects. */
import { closeSync, mkdtempSync, openSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openFds } from "../../soak/leftovers.ts";

test("a folder, a namespace and a watch are seen, each as what it is", () => {
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-fds-"));
  const before = openFds();
  const fds = [folder, folder, "/proc/self/ns/net"].map((path) => openSync(path, "r"));
  const watcher = watch(folder);
  const after = openFds();
  watcher.close();
  for (const fd of fds) closeSync(fd);
  rmSync(folder, { recursive: true });
  expect(after[folder]).toBe(2);
  expect(after["net"]).toBe((before["net"] ?? 0) + 1);
  expect(after["anon_inode:inotify"]).toBeGreaterThan(0);
  expect(openFds()).not.toHaveProperty([folder]);
});
