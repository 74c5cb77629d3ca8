/** Finds the targets: every module of a folder whose default export is a `FuzzTarget` of the file's name. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { FuzzTarget } from "./target.ts";

export const TARGETS = fileURLToPath(new URL("targets", import.meta.url));

/** Names of the targets of a folder, in order. */
export function targetNames(folder = TARGETS): string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".ts"));
  return files.map((file) => basename(file, ".ts")).toSorted();
}

/** @throws Error if the module cannot be imported or holds no target of that name */
export async function loadTarget(name: string, folder = TARGETS): Promise<FuzzTarget> {
  const path = join(folder, `${name}.ts`);
  const { default: target } = (await import(pathToFileURL(path).href)) as { default?: FuzzTarget };
  if (target?.name === name) return target;
  throw new Error(`${path} must have a FuzzTarget named ${name} as its default export, and has ${target?.name}`);
}

/** Why a target cannot run here, its own reasons and the need of root; undefined if it can. */
export function obstacle(target: FuzzTarget): string | undefined {
  if (target.needsKernel && process.getuid?.() !== 0)
    return "it loads programs or types into the kernel, and needs root";
  return target.unavailable?.();
}
