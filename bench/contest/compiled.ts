/**
 * C compiled once, and kept by what it says: the guest, where clang would take minutes, finds what the host has compiled.
 * The folder is below node_modules, as all that a benchmark leaves behind; remove it when clang is another.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { compile } from "../../test/support/objects.ts";

const FOLDER = "node_modules/.cache/xdpgen-bench/objects";

export const compiled = (text: string): Uint8Array => new Uint8Array(readFileSync(compiledFile(text)));

/** The path of the object. */
export function compiledFile(text: string): string {
  const path = `${FOLDER}/${createHash("sha256").update(text).digest("hex")}.o`;
  if (!existsSync(path)) {
    mkdirSync(FOLDER, { recursive: true });
    // Under another name until it is whole: two runs at once may compile the same.
    const partial = `${path}.${process.pid}`;
    writeFileSync(partial, compile(text, "-I", "bpf"));
    renameSync(partial, path);
  }
  return path;
}
