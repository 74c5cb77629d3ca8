/** Debian's kernels: which there are, and one of them out of the cache, or fetched and unpacked. */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askCache, download, unpack } from "../debian/apt.ts";
import type { PrivateApt } from "../debian/apt.ts";
import { cacheFolder, fetchInto } from "../debian/cache.ts";
import { ScriptFailure } from "../debian/failure.ts";
import { requireCommand, run } from "../debian/run.ts";
import { firstModules, readModules } from "./modules.ts";

/**
 * Debian's kernels by version, and the suites that hold each: the first that has it is taken. A suite under development
 * moves on to the next version some day; a kernel in the cache stays.
 */
export const kernels = {
  "5.10": ["bullseye"],
  "6.1": ["bookworm"],
  "6.12": ["trixie", "bookworm-backports"],
  "7.2": ["sid", "forky"],
} as const satisfies Record<string, readonly string[]>;

export type KernelVersion = keyof typeof kernels;

/** The oldest that xdpgen supports. */
export const oldestKernel = "5.10" satisfies KernelVersion;
export const newestKernel = "7.2" satisfies KernelVersion;

export const isKernelVersion = (text: string): text is KernelVersion => Object.hasOwn(kernels, text);

/** A kernel ready to boot: `root` is the folder that holds `lib/modules/<release>`. */
export type Kernel = { readonly image: string; readonly root: string; readonly release: string };

/** Nothing in the virtual machine has hardware behind it; these are the drivers that it can use all the same. */
const driverFolders = ["net", "virtio", "char", "block"];
const driverFiles = ["veth", "dummy", "ifb", "tun", "bonding", "vxlan", "virtio", "loop"];

/**
 * A kernel from the cache, or fetched with the machine's own apt.
 *
 * @throws ScriptFailure when no suite of this machine's mirror has the kernel, saying what each answered.
 */
export async function obtainKernel(version: KernelVersion, say: (line: string) => void): Promise<Kernel> {
  const folder = cacheFolder("kernels");
  const target = join(folder, version);
  if (!existsSync(target)) {
    await fetchInto(folder, {
      what: `Debian's ${version} kernel`,
      suites: kernels[version],
      say,
      make: async (apt, made) => {
        const packages = await resolveKernel(apt);
        if (!packages.some((name) => name.includes(`-${version}.`))) {
          const held = packages.join(", ") || "no kernel";
          throw new ScriptFailure(
            `${apt.suite} holds ${held} and no ${version} kernel: if it has moved on, scripts/vm/kernels.ts needs another suite`,
          );
        }
        await download(apt, packages);
        await readModules(await arrange(await unpack(apt), made), firstModules);
        return version;
      },
    });
  }
  const release = readFileSync(join(target, "release"), "utf8").trim();
  return { image: join(target, "vmlinuz"), root: target, release };
}

/** The kernel's real packages among a package's dependencies: `linux-image-6.1.0-50-amd64`, `linux-modules-7.2…`. */
export const kernelPackages = (depends: string): string[] =>
  depends
    .split(",")
    .map((entry) => entry.trim().split(/[ :]/)[0] ?? "")
    .filter((name) => /^linux-(image|binary|modules|base)-\d/.test(name));

/** The real kernel packages behind Debian's `linux-image-amd64`, which since 7.x are two: one of them holds the modules. */
async function resolveKernel(apt: PrivateApt): Promise<string[]> {
  const found = new Set<string>();
  const queue = ["linux-image-amd64"];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const record = await askCache(apt, "show", "--no-all-versions", name);
    const depends = record.find((line) => line.startsWith("Depends: "))?.slice("Depends: ".length) ?? "";
    const next = kernelPackages(depends).filter((each) => !found.has(each));
    next.forEach((each) => found.add(each));
    queue.push(...next);
  }
  return [...found];
}

/** Moves a kernel out of the unpacked `files` into `vmlinuz`, `release` and `lib/modules/<release>` with its indexes. */
async function arrange(files: string, target: string): Promise<Kernel> {
  const depmod = requireCommand("depmod", "kmod");
  const modules = ["lib/modules", "usr/lib/modules"].map((path) => join(files, path)).find((path) => existsSync(path));
  const release = modules === undefined ? undefined : readdirSync(modules)[0];
  if (modules === undefined || release === undefined) {
    throw new ScriptFailure(`no lib/modules/* in the kernel packages unpacked in ${files}`);
  }
  // The image lies in /boot, since 7.x beside its modules.
  const candidates = [join(files, "boot", `vmlinuz-${release}`), join(modules, release, "vmlinuz")];
  const image = candidates.find((path) => existsSync(path));
  if (image === undefined)
    throw new ScriptFailure(`no vmlinuz in the kernel packages: neither ${candidates.join(" nor ")}`);
  prune(join(modules, release, "kernel"));
  mkdirSync(join(target, "lib"), { recursive: true });
  renameSync(image, join(target, "vmlinuz"));
  renameSync(modules, join(target, "lib", "modules"));
  writeFileSync(join(target, "release"), `${release}\n`);
  await run(`indexing the modules of ${release}`, depmod, ["-b", target, release]);
  return { image: join(target, "vmlinuz"), root: target, release };
}

/** Drops the drivers of real hardware, nine tenths of the package. */
function prune(folder: string): void {
  rmSync(join(folder, "sound"), { recursive: true, force: true });
  const drivers = join(folder, "drivers");
  for (const name of readdirSync(drivers)) {
    if (!driverFolders.includes(name)) rmSync(join(drivers, name), { recursive: true });
  }
  for (const group of driverFolders.filter((name) => name !== "virtio" && existsSync(join(drivers, name)))) {
    for (const name of readdirSync(join(drivers, group))) {
      if (!driverFiles.some((wanted) => name.startsWith(wanted))) {
        rmSync(join(drivers, group, name), { recursive: true });
      }
    }
  }
}
