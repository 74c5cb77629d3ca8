/** The fuzz targets that need no kernel. */
import { testTargets } from "../fuzz/as-tests.ts";

await testTargets(false);
