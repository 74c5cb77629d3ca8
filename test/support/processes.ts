/** What tests start in processes of their own. */
import { fileURLToPath } from "node:url";

/** Where whoever runs the tests has compiled the checkout to. By tsx a start takes four times as long, half a minute in the guest. */
const COMPILED = process.env["XDPGEN_TEST_COMPILED"];
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Words that start a TypeScript file of the checkout. */
export function wordsToStart(file: URL): readonly string[] {
  const path = fileURLToPath(file);
  return COMPILED === undefined
    ? [process.execPath, "--import", import.meta.resolve("tsx"), path]
    : [process.execPath, `${COMPILED}/${path.slice(ROOT.length).replace(/ts$/, "js")}`];
}
