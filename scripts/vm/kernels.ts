import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { download, openApt, resolveKernel } from "./apt.ts";
import { VmFailure } from "./failure.ts";
import { firstModules, readModules } from "./modules.ts";
import { requireCommand, run } from "./run.ts";

/** Debian's kernels by version, and the suites that hold each: the first that has it is taken. */
export const kernels = {
  "5.10": ["bullseye"],
  "6.1": ["bookworm"],
  "6.12": ["trixie", "bookworm-backports"],
  "7.2": ["sid"],
} as const satisfies Record<string, readonly string[]>;

export type KernelVersion = keyof typeof kernels;

export const isKernelVersion = (text: string): text is KernelVersion => Object.hasOwn(kernels, text);

/** A kernel ready to boot: `root` is the folder that holds `lib/modules/<release>`. */
export type Kernel = { readonly image: string; readonly root: string; readonly release: string };

/** Nothing in the virtual machine has hardware behind it; these are the drivers that it can use all the same. */
const driverFolders = ["net", "virtio", "char", "block"];
const driverFiles = ["veth", "dummy", "ifb", "tun", "bonding", "vxlan", "virtio", "loop"];

/** Where kernels are kept between runs: outside the checkout, shared by all checkouts of one user. */
export function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base !== undefined && base.startsWith("/") ? base : join(homedir(), ".cache"), "xdpgen", "kernels");
}

function makeAside(version: KernelVersion): string {
  try {
    mkdirSync(cacheFolder(), { recursive: true });
    return mkdtempSync(join(cacheFolder(), `.${version}-`));
  } catch (error) {
    throw new VmFailure(
      `cannot write to the cache of kernels, ${cacheFolder()} (${(error as Error).message}): ` +
        "set XDG_CACHE_HOME to a folder of yours",
    );
  }
}

/**
 * A kernel from the cache, or fetched with the machine's own apt. What is fetched is unpacked aside and renamed into
 * place when it is whole, so that neither an interruption nor a second run at the same time can spoil the cache.
 *
 * @throws VmFailure when no suite of this machine's mirror has the kernel, saying what each answered.
 */
export async function obtainKernel(version: KernelVersion, say: (line: string) => void): Promise<Kernel> {
  const target = join(cacheFolder(), version);
  if (!existsSync(target)) {
    const aside = makeAside(version);
    const abandon = (): void => rmSync(aside, { recursive: true, force: true });
    process.once("exit", abandon);
    try {
      await fetchKernel(version, aside, say);
      try {
        renameSync(join(aside, "kernel"), target);
      } catch (error) {
        if (!existsSync(target)) throw error;
      }
    } finally {
      abandon();
      process.off("exit", abandon);
    }
  }
  const release = readFileSync(join(target, "release"), "utf8").trim();
  return { image: join(target, "vmlinuz"), root: target, release };
}

async function fetchKernel(version: KernelVersion, aside: string, say: (line: string) => void): Promise<void> {
  const refusals: string[] = [];
  for (const suite of kernels[version]) {
    const folder = join(aside, suite);
    mkdirSync(folder);
    say(`fetching Debian's ${version} kernel from ${suite}, once`);
    try {
      const apt = await openApt(folder, suite);
      const packages = await resolveKernel(apt);
      if (!packages.some((name) => name.includes(`-${version}.`))) {
        throw new VmFailure(`${suite} holds ${packages.join(", ") || "no kernel"} and no ${version} kernel`);
      }
      await download(apt, packages);
      const kernel = await unpack(folder, join(aside, "kernel"));
      await readModules(kernel, firstModules);
      return;
    } catch (error) {
      if (!(error instanceof VmFailure) || error.status === 2) throw error;
      refusals.push(error.message);
    }
  }
  throw new VmFailure(`no ${version} kernel could be fetched; the cache is as it was\n${refusals.join("\n")}`);
}

/** Turns the downloaded packages of `folder` into `vmlinuz`, `release` and `lib/modules/<release>` with its indexes. */
async function unpack(folder: string, target: string): Promise<Kernel> {
  const dpkg = requireCommand("dpkg-deb", "dpkg");
  const depmod = requireCommand("depmod", "kmod");
  const files = join(folder, "files");
  for (const archive of readdirSync(folder).filter((name) => name.endsWith(".deb"))) {
    await run(`unpacking ${archive}`, dpkg, ["-x", join(folder, archive), files]);
  }
  const modules = ["lib/modules", "usr/lib/modules"].map((path) => join(files, path)).find((path) => existsSync(path));
  const release = modules === undefined ? undefined : readdirSync(modules)[0];
  if (modules === undefined || release === undefined) {
    throw new VmFailure(`no lib/modules/* in the kernel packages unpacked in ${files}`);
  }
  // The image lies in /boot, since 7.x beside its modules.
  const candidates = [join(files, "boot", `vmlinuz-${release}`), join(modules, release, "vmlinuz")];
  const image = candidates.find((path) => existsSync(path));
  if (image === undefined)
    throw new VmFailure(`no vmlinuz in the kernel packages: neither ${candidates.join(" nor ")}`);
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
