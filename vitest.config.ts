import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/**
 * Three projects. `unit` asks nothing of the kernel and may run anywhere, files in parallel. So does `fuzz`, whose one file takes
 * longer than all of those. `kernel` loads programs, makes interfaces and mounts: root, one file at a time.
 *
 * Files share a worker, one after the other, and the modules that it has read: a fresh one takes a quarter of the time of the unit
 * tests, and in the virtual machine seconds for each file. So what a test stubs it takes back.
 *
 * In the virtual machine (XDPGEN_VM is the kernel's version there) every instruction is emulated. The limits are there to find
 * hangs: a machine under load is several times slower, and an emulated one fifteen times that.
 */
const emulated = process.env["XDPGEN_VM"] !== undefined;
const patience = emulated ? 15 : 1;

/** V8 has helper threads, and collects garbage often to stay small: on one emulated processor a tenth of the time. */
const FOR_ONE_PROCESSOR = ["--single-threaded", "--max-semi-space-size=64"];

/** A folder of modules that were transformed before: what the host does in seconds takes the guest a minute. */
const modules = process.env["XDPGEN_TEST_MODULES"];

export default defineConfig({
  test: {
    isolate: false,
    pool: "forks",
    // By itself vitest leaves one processor idle, which is half of two.
    maxWorkers: emulated ? 1 : availableParallelism(),
    ...(emulated ? { execArgv: FOR_ONE_PROCESSOR } : {}),
    ...(modules === undefined ? {} : { experimental: { fsModuleCache: true, fsModuleCachePath: modules } }),
    testTimeout: patience * 60_000,
    hookTimeout: patience * 60_000,
    teardownTimeout: patience * 10_000,
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
          name: "fuzz",
          include: ["test/fuzz/*.test.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "kernel",
          include: ["test/kernel/**/*.test.ts"],
          globalSetup: "test/support/programs.ts",
          // A damaged object can make libbpf crash: on the host that takes one file along, and not all.
          isolate: !emulated,
          fileParallelism: false,
          maxWorkers: 1,
        },
      },
    ],
  },
});
