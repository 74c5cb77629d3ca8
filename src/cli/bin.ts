#!/usr/bin/env node
/** The `xdpgen` command: `main` with this process's arguments and streams. */
import { end, processIo, unwritable } from "./io.ts";
import { main } from "./main.ts";

// A reader that has seen enough (`xdpgen status | head -1`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  const { message, exitStatus } = unwritable(error);
  process.stderr.write(`error: ${message}\n`);
  process.exit(exitStatus);
});

end(await main(process.argv.slice(2), processIo()));
