#!/usr/bin/env node
/** The `xdpgen` command: `main` with this process's arguments and streams. */
import { end, processIo } from "./io.ts";
import { main } from "./main.ts";

end(await main(process.argv.slice(2), processIo()));
