/**
 * C compiled once, and kept by what it says and by the header that it may include: the guest, where clang would take minutes,
 * finds what the host has compiled. The folder is below node_modules, as all that a benchmark leaves behind.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { compile } from "../../test/support/objects.ts";

const FOLDER = "node_modules/.cache/xdpgen-bench/objects";

/** Removes what another clang has compiled. */
export function keepOnlyOf(clang: string): void {
  const file = `${FOLDER}/clang`;
  if (existsSync(file) && readFileSync(file, "utf8") === clang) return;
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, clang);
}

export const compiled = (text: string): Uint8Array => new Uint8Array(readFileSync(compiledFile(text)));

/** The path of the object. */
export function compiledFile(text: string): string {
  const key = createHash("sha256").update(text).update(readFileSync("bpf/parse.h")).digest("hex");
  const path = `${FOLDER}/${key}.o`;
  if (!existsSync(path)) {
    mkdirSync(FOLDER, { recursive: true });
    // Under another name until it is whole: two runs at once may compile the same.
    const partial = `${path}.${process.pid}`;
    writeFileSync(partial, compile(text, "-I", "bpf"));
    renameSync(partial, path);
  }
  return path;
}
