/** bpftool, as a witness. Its absence fails a test: install Debian's package `bpftool`. */
import { execFileSync } from "node:child_process";
import { withFile } from "./llvm.ts";

/** What `bpftool btf dump` prints of a `.BTF` section or of an object that has one. */
export function bpftoolDump(bytes: Uint8Array, format: "raw" | "c"): string {
  return withFile(bytes, (path) =>
    execFileSync("bpftool", ["btf", "dump", "file", path, "format", format], {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
}
