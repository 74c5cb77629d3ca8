import { defineConfig } from "vitest/config";

/**
 * Two projects. `unit` asks nothing of the kernel and may run anywhere, files in parallel. `kernel` loads programs, makes
 * interfaces and mounts: root, one file at a time.
 *
 * In the virtual machine (XDPGEN_VM is the kernel's version there) every instruction is emulated: each fresh worker costs
 * seconds, so all files share one, and the limits are twenty times those of the host.
 */
const emulated = process.env["XDPGEN_VM"] !== undefined;
const patience = emulated ? 20 : 1;

/** A folder of modules that were transformed before: what the host does in seconds takes the guest a minute. */
const modules = process.env["XDPGEN_TEST_MODULES"];

export default defineConfig({
  test: {
    isolate: !emulated,
    pool: "forks",
    ...(modules === undefined ? {} : { experimental: { fsModuleCache: true, fsModuleCachePath: modules } }),
    testTimeout: patience * 15_000,
    hookTimeout: patience * 15_000,
    teardownTimeout: patience * 5000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "test/golden/**/*.test.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "kernel",
          include: ["test/kernel/**/*.test.ts"],
          fileParallelism: false,
          maxWorkers: 1,
        },
      },
    ],
  },
});
