/** The fuzz targets that load programs and types into the kernel. */
import { testTargets } from "../fuzz/as-tests.ts";

await testTargets(true);
