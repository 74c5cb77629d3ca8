import { readFileSync } from "node:fs";
import { requireCommand } from "../debian/run.ts";
import { writeCpio } from "./cpio.ts";
import type { CpioEntry } from "./cpio.ts";
import { jobScript, shellQuote } from "./job.ts";
import type { Job } from "./job.ts";
import type { Kernel } from "./kernels.ts";
import { firstModules, readModules } from "./modules.ts";

/** Facts that the guest's scripts read as shell variables. */
export type GuestSettings = {
  /** Folder of the host that holds the kernel's modules. */
  readonly modules: string;
  readonly release: string;
  /** Folder shared read-write, mounted in the guest at the same path; empty when there is none. */
  readonly out: string;
  /** Whether /tmp can be an empty tmpfs: no path that the job needs lies in it. */
  readonly freshTmp: boolean;
};

/** The guest's first root: busybox, the modules it starts with, its two scripts (guest/), and the job. */
export async function buildInitramfs(kernel: Kernel, settings: GuestSettings, job: Job): Promise<Buffer> {
  const busybox = readFileSync(requireCommand("busybox", "busybox-static"));
  const modules = await readModules(kernel, firstModules);
  const script = (name: string): Uint8Array => readFileSync(new URL(`guest/${name}`, import.meta.url));
  const assignments = [
    `modules=${shellQuote(settings.modules)}`,
    `release=${shellQuote(settings.release)}`,
    `out=${shellQuote(settings.out)}`,
    `host_name=${shellQuote(`debian-${settings.release}`)}`,
    `fresh_tmp=${settings.freshTmp ? "yes" : ""}`,
    "",
  ];
  const folders = ["vm", "modules", "proc", "sys", "dev", "lower", "rw", "root"];
  const entries: CpioEntry[] = [
    ...folders.map((path) => ({ path, mode: 0o755 })),
    { path: "init", mode: 0o755, bytes: script("init.sh") },
    { path: "vm/busybox", mode: 0o755, bytes: busybox },
    { path: "vm/main.sh", mode: 0o755, bytes: script("main.sh") },
    { path: "vm/settings", mode: 0o644, bytes: Buffer.from(assignments.join("\n")) },
    { path: "vm/job.sh", mode: 0o755, bytes: Buffer.from(jobScript(job)) },
    { path: "modules/order", mode: 0o644, bytes: Buffer.from(modules.map(({ name }) => `${name}\n`).join("")) },
    ...modules.map(({ name, bytes }) => ({ path: `modules/${name}`, mode: 0o644, bytes })),
  ];
  return writeCpio(entries);
}
