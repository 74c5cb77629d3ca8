/** The fuzz targets that need no kernel. */
import { testTargets } from "./as-tests.ts";

await testTargets(false);
