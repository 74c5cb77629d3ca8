/**
 * Where kernels differ, as far as a test can tell: the one table. What is in no row is the same on every kernel from 5.10 on.
 *
 * A test that needs a row's feature skips on kernels before it, by `lacking`, and prints why. The kernel's version alone
 * decides: where it is new enough the test runs, and what is refused there all the same is a failure.
 */
import { release } from "node:os";

interface Difference {
  /** The first release that has it. */
  readonly since: string;
  /** Where to read that: a commit of the kernel, or its file and function. */
  readonly source: string;
}

/** By name, which is a plural: "live frames need Linux 5.18". */
export const DIFFERENCES = {
  // Instructions.
  "atomic operations that fetch, or other than +=": { since: "5.12", source: "5ca419f2864a" },
  "calls of kernel functions": { since: "5.13", source: "e6ac2450d6de" },
  "function addresses, and helpers that call back": { since: "5.13", source: "69c087ba6225" },
  "maps by index": { since: "5.14", source: "387544bfa291" },
  "addresses of kernel functions": { since: "6.4", source: "58aa2afbb1e6" },
  "signed division and remainder": { since: "6.6", source: "ec0e2da95f72" },
  "moves that extend the sign": { since: "6.6", source: "8100928c8814" },
  "unconditional byte swaps": { since: "6.6", source: "0845c3db7bf5" },
  "loads that extend the sign": { since: "6.6", source: "1f9a1ea821ff" },
  "long jumps (gotol)": { since: "6.6", source: "4cd58e9af8b9" },
  "loops that the kernel bounds (may_goto)": { since: "6.9", source: "011832b97b31" },
  "casts between address spaces": { since: "6.9", source: "6082b6c328b5" },
  "loads with acquire and stores with release order": { since: "6.15", source: "880442305a39" },
  "jumps by table (gotox)": { since: "6.19", source: "493d9e0d6083" },
  "timers in maps": { since: "5.15", source: "b00628b1c7d5" },
  "bounded loops by a helper (bpf_loop)": { since: "5.17", source: "e6f2dd0f8067" },
  "bytes copied out of packets by a helper (bpf_xdp_load_bytes)": { since: "5.18", source: "3f364222d032" },
  "packets of several buffers (frags)": { since: "5.18", source: "c2f2cdbeffda" },
  // Kinds of types (BTF).
  "floats among types": { since: "5.13", source: "b1828f0b0482" },
  "tags on declarations": { since: "5.16", source: "b5ea834dde6b" },
  "tags on types": { since: "5.17", source: "8c42d2fa4eea" },
  "enums with a sign or of 64 bits": { since: "6.0", source: "6089fb325cf7" },
  // What the verifier takes, and what it prints.
  "names in the log for all helpers": { since: "6.2", source: "include/uapi/linux/bpf.h, ___BPF_FUNC_MAPPER" },
  "tags on the arguments of global functions": { since: "6.8", source: "94e1c70a3452" },
  "log lines of functions that call themselves": { since: "6.18", source: "kernel/bpf/verifier.c, visit_func_insn" },
  // BPF_PROG_TEST_RUN.
  "frames that come in by a chosen interface": { since: "5.15", source: "ec94670fcb3b" },
  "live frames": { since: "5.18", source: "b530e9e1063e" },
} as const satisfies Record<string, Difference>;

export type DifferenceName = keyof typeof DIFFERENCES;

/** Whether release `running`, such as `6.12.117+deb13-amd64`, is `wanted`, such as `6.6`, or a later one. */
export function isAtLeast(running: string, wanted: string): boolean {
  const [major = 0, minor = 0] = wanted.split(".").map(Number);
  const [runningMajor = 0, runningMinor = 0] = running.split(/[.-]/).map(Number);
  return runningMajor > major || (runningMajor === major && runningMinor >= minor);
}

/** Whether the running kernel has it. */
export const has = (name: DifferenceName): boolean => isAtLeast(release(), DIFFERENCES[name].since);

/** Why the running kernel has it not; undefined where it has. For `context.skip`. */
export function lacking(name: DifferenceName): string | undefined {
  const { since, source } = DIFFERENCES[name];
  return has(name) ? undefined : `${name} need Linux ${since} (${source}), and this is ${release()}`;
}
