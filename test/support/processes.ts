/** What the kernel's tests start in processes of their own: programs of the checkout, each bundled (programs.ts). */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Words that start a TypeScript file of the checkout, whatever the working directory and the environment are. */
export function wordsToStart(file: URL): readonly [string, ...string[]] {
  const path = fileURLToPath(file).slice(ROOT.length).replace(/ts$/, "js");
  return [process.execPath, join(inject("programs"), path)];
}
