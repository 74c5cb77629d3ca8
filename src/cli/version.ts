import { readFileSync } from "node:fs";

/** The version in package.json, which stands two folders above this one in the source and in what is shipped. */
export function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
