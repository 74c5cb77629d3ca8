/**
 * Bundles the `xdpgen` command, once src is compiled: `node scripts/build-command.mjs [FOLDER]`, by default dist/cli.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleCommand } from "./bundle.mjs";

await bundleCommand(resolve(process.argv[2] ?? fileURLToPath(new URL("../dist/cli", import.meta.url))));
