/** What figures depend on and a reader cannot see: the machine, its kernel, what it does against processor bugs, versions. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, release } from "node:os";
import { openKernel } from "../src/loader/index.ts";

export interface Environment {
  /** The processor as it calls itself, and how many of them. */
  readonly machine: string;
  readonly architecture: string;
  /** As `uname -r` prints it. */
  readonly kernel: string;
  /** Of each processor bug that touches this machine, what the kernel does (/sys/devices/system/cpu/vulnerabilities). */
  readonly mitigations: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<"node" | "libbpf" | "clang" | "xdp-tools" | "xdpgen", string>>;
  /** Tasks that ran or wanted to, this benchmark among them: the mean of the last minute, when the section had ended. */
  readonly load: number;
}

const VULNERABILITIES = "/sys/devices/system/cpu/vulnerabilities";

export function thisEnvironment(): Environment {
  return {
    machine: `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} processors`,
    architecture: arch(),
    kernel: release(),
    mitigations: mitigations(),
    versions: {
      node: process.versions.node,
      libbpf: openKernel().libbpfVersion,
      clang: clangVersion(),
      "xdp-tools": firstLine("dpkg-query", "--show", "--showformat", "${Version}", "xdp-tools"),
      xdpgen: sources(),
    },
    load: Math.round(10 * loadavg()[0]!) / 10,
  };
}

export const clangVersion = (): string => firstLine("clang", "--version");

/** The virtual machine: no processor's name would say what it is. */
export const guestMachine = (): string => `${firstLine("qemu-system-x86_64", "--version")}, TCG, 1 processor`;

export function mitigations(): Environment["mitigations"] {
  if (!existsSync(VULNERABILITIES)) return {};
  const all = readdirSync(VULNERABILITIES).map((name): [string, string] => [
    name,
    readFileSync(`${VULNERABILITIES}/${name}`, "utf8").trim(),
  ]);
  return Object.fromEntries(all.filter(([, state]) => state !== "Not affected"));
}

/** The commit, and whether what is measured differs from it. Results and documents do not count: a run changes them itself. */
function sources(): string {
  const changed = firstLine("git", "status", "--porcelain", "--untracked-files=no", ".", ":!bench/results", ":!*.md");
  return `${firstLine("git", "describe", "--always")}${changed === "" ? "" : "-dirty"}`;
}

function firstLine(...[command, ...words]: readonly [string, ...string[]]): string {
  try {
    return execFileSync(command, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0]!;
  } catch {
    return "unknown";
  }
}
