import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ScriptFailure } from "../debian/failure.ts";
import { requireCommand, run } from "../debian/run.ts";
import type { Kernel } from "./kernels.ts";

/** What the guest needs before it can see the host's root; everything else it loads from there, on demand. */
export const firstModules = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"];

/** `kernel/fs/9p/9p.ko.xz` is the module `9p`; the kernel takes `-` and `_` in names for the same. */
export const moduleName = (path: string): string =>
  basename(path)
    .replace(/\.ko(\.xz)?$/, "")
    .replaceAll("-", "_");

/** Reads depmod's `modules.dep`, one `PATH: PATHS it needs` a line, into module name -> its path and the names it needs. */
export function parseModulesDep(text: string): Map<string, { path: string; needs: string[] }> {
  const modules = new Map<string, { path: string; needs: string[] }>();
  for (const line of text.split("\n")) {
    const [path, needs = ""] = line.split(":");
    if (path === undefined || path.trim() === "") continue;
    const names = needs.split(" ").filter((each) => each !== "");
    modules.set(moduleName(path), { path: path.trim(), needs: names.map(moduleName) });
  }
  return modules;
}

/**
 * Paths of the wanted modules and of everything they need, each after all that it needs, so that plain `insmod` in this
 * order works. Modules that are built into the kernel take no part.
 *
 * @throws ScriptFailure when a wanted module is neither listed nor built in.
 */
export function insertionOrder(modulesDep: string, modulesBuiltin: string, wanted: readonly string[]): string[] {
  const modules = parseModulesDep(modulesDep);
  const builtin = new Set(modulesBuiltin.split("\n").map(moduleName));
  const order = new Set<string>();
  const visit = (name: string): void => {
    const module = modules.get(name);
    if (module === undefined) {
      if (builtin.has(name)) return;
      throw new ScriptFailure(`the kernel has no module ${name}, and the virtual machine cannot start without it`);
    }
    if (order.has(module.path)) return;
    module.needs.forEach(visit);
    order.add(module.path);
  };
  wanted.forEach(visit);
  return [...order];
}

/** The bytes of the wanted modules in insertion order, uncompressed. */
export async function readModules(
  kernel: Kernel,
  wanted: readonly string[],
): Promise<{ name: string; bytes: Buffer }[]> {
  const folder = join(kernel.root, "lib", "modules", kernel.release);
  const list = (name: string): string => {
    const path = join(folder, name);
    if (!existsSync(path))
      throw new ScriptFailure(`${path} is missing from the kernel's packages; remove ${kernel.root}`);
    return readFileSync(path, "utf8");
  };
  const modules: { name: string; bytes: Buffer }[] = [];
  for (const path of insertionOrder(list("modules.dep"), list("modules.builtin"), wanted)) {
    const file = join(folder, path);
    const bytes = path.endsWith(".xz")
      ? await run(`unpacking ${path}`, requireCommand("xz", "xz-utils"), ["-dc", file])
      : readFileSync(file);
    modules.push({ name: `${moduleName(path)}.ko`, bytes });
  }
  return modules;
}
