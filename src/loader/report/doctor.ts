/** What this machine can do for a chain, found by trying, and what that means for the user. Changes nothing. */
import { existsSync, readFileSync } from "node:fs";
import { arch, release } from "node:os";
import type { ObjectLinkage } from "../../chain/chain.ts";
import { XdpgenError } from "../../errors.ts";
import { openKernel } from "../ffi/index.ts";
import { findBpffs, isReadOnly, REMOUNT } from "../machine/bpffs.ts";
import { freplaceSupport, tailObstacle, testRunSupport, type FreplaceSupport } from "../machine/features.ts";
import type { Kernel } from "../machine/kernel.ts";
import { effectiveCapabilities, type Capability } from "../machine/privilege.ts";

export interface DoctorEntry {
  readonly name: string;
  readonly state: "ok" | "limited" | "missing";
  /** What was found. */
  readonly value: string;
  /** What it means for the user. */
  readonly meaning: string;
  /** What to do about it; empty where nothing needs to be done. */
  readonly advice: string;
}

export interface DoctorReport {
  readonly entries: readonly DoctorEntry[];
  /** What linkage `auto` is on this machine. */
  readonly linkage: ObjectLinkage;
}

type Finding = Omit<DoctorEntry, "name">;

const ok = (value: string, meaning: string): Finding => ({ state: "ok", value, meaning, advice: "" });
const limited = (value: string, meaning: string, advice: string): Finding => ({
  state: "limited",
  value,
  meaning,
  advice,
});
const missing = (value: string, meaning: string, advice: string): Finding => ({
  state: "missing",
  value,
  meaning,
  advice,
});

/** Examines this machine. Never throws for what it finds missing. */
export async function doctor(options: { readonly kernel?: Kernel } = {}): Promise<DoctorReport> {
  const { kernel, finding: library } = findLibrary(options.kernel);
  const freplace = kernel && askFreplace(kernel);
  const runs = kernel && (await testRunSupport(kernel));
  const linkage: ObjectLinkage = freplace?.support?.supported ? "freplace" : "call";
  const findings: Readonly<Record<string, Finding>> = {
    kernel: kernelRelease(release()),
    architecture: ok(arch(), "compiled programs are the same on every architecture"),
    JIT: jit(readText("/proc/sys/net/core/bpf_jit_enable")),
    bpffs: bpffs(),
    BTF: btf(),
    libbpf: library,
    capabilities: capabilities(effectiveCapabilities()),
    freplace: freplace?.finding ?? needsLibrary(),
    "linkage auto": ok(
      linkage,
      linkage === "freplace" ? "programs stay loaded across swaps" : "programs are linked into the dispatcher",
    ),
    "linkage tail": tailFinding(kernel && { obstacle: tailObstacle(kernel) }),
    "test run": testRunFinding(
      runs?.testRun,
      runs?.errnoName,
      "running a live chain on a frame of your own (`testRun` of the library)",
    ),
    "live frames": testRunFinding(runs?.liveFrames, runs?.errnoName, "making traffic for the demo and for benchmarks"),
  };
  return { entries: Object.entries(findings).map(([name, finding]) => ({ name, ...finding })), linkage };
}

const needsLibrary = (): Finding =>
  missing("unknown", "this cannot be tried without libbpf", "install libbpf, then run doctor again");

function findLibrary(given: Kernel | undefined): { readonly kernel?: Kernel; readonly finding: Finding } {
  try {
    const kernel = given ?? openKernel();
    const version = kernel.libbpfVersion;
    return { kernel, finding: ok(version, "loads objects, creates maps, resolves CO-RE relocations") };
  } catch (error) {
    if (!(error instanceof XdpgenError)) throw error;
    return { finding: missing("libbpf.so.1 is missing", "`build` works; nothing can be loaded", error.message) };
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** XDP links with compare and swap: 5.9. Extensions that can be attached again and again: 5.10. */
export function kernelRelease(value: string): Finding {
  const [major = 0, minor = 0] = value.split(/[.-]/).map(Number);
  if (major > 5 || (major === 5 && minor >= 10))
    return ok(value, "new enough: 5.10 is the oldest that xdpgen supports");
  return missing(value, "XDP links, which swaps need, are missing or incomplete", "use Linux 5.10 or later");
}

export function jit(value: string | undefined): Finding {
  if (value === undefined) return limited("unknown", "the setting cannot be read", "run doctor as root");
  if (value !== "0") return ok("on", "programs run as machine code");
  return limited(
    "off",
    "programs are interpreted, many times slower, and freplace is impossible",
    "`sysctl net.core.bpf_jit_enable=1`",
  );
}

function bpffs(): Finding {
  const path = findBpffs();
  if (path && isReadOnly(path)) {
    return missing(
      `${path}, read-only`,
      "`status` and `plan` work; nothing can be attached or detached",
      `\`${REMOUNT}\``,
    );
  }
  if (path) return ok(path, "pins keep a chain running when xdpgen ends");
  return limited("not mounted", "`xdpgen apply` mounts it when it runs as root", "`mount -t bpf bpf /sys/fs/bpf`");
}

function btf(): Finding {
  if (existsSync("/sys/kernel/btf/vmlinux")) return ok("/sys/kernel/btf/vmlinux", "CO-RE programs and kfuncs work");
  return limited("missing", "programs with CO-RE relocations do not load", "use a kernel with CONFIG_DEBUG_INFO_BTF=y");
}

export function capabilities(have: ReadonlySet<Capability>): Finding {
  const value = [...have].map((name) => `CAP_${name}`).join(" ") || "none";
  if (have.has("SYS_ADMIN") && have.has("NET_ADMIN")) return ok(value, "chains can be attached and read");
  return missing(
    value,
    "`build` works; apply, status and detach need CAP_NET_ADMIN and CAP_SYS_ADMIN",
    "run as root (sudo)",
  );
}

function askFreplace(kernel: Kernel): { readonly support?: FreplaceSupport; readonly finding: Finding } {
  try {
    const support = freplaceSupport(kernel);
    return { support, finding: freplaceFinding(support) };
  } catch (error) {
    if (!(error instanceof XdpgenError)) throw error;
    return { finding: limited("unknown", error.message, "run doctor again") };
  }
}

/** Why linkage `auto` is what it is on this machine; a clause. */
export function explainAuto(kernel: Kernel = openKernel()): string {
  const { value, meaning } = freplaceFinding(freplaceSupport(kernel));
  return `freplace ${value}; ${meaning}`;
}

/** Why an extension was refused, as far as the errno and the machine tell. */
export function freplaceFinding(
  support: FreplaceSupport,
  have: ReadonlySet<Capability> = effectiveCapabilities(),
  lockdown: string | undefined = readText("/sys/kernel/security/lockdown"),
): Finding {
  if (support.supported)
    return ok("allowed", "programs are loaded once and re-attached at each swap, not verified again");
  const value = `refused: ${support.reason}`;
  const capable = have.has("SYS_ADMIN") || (have.has("BPF") && have.has("PERFMON"));
  const instead = "chains are linked by `call` instead: same semantics, all programs are verified again at each swap";
  if (support.errnoName === "EPERM" && !capable) {
    return missing(value, "this user may not load extension programs", "run doctor as root (sudo)");
  }
  if (support.step === "target" || support.step === "btf") {
    return missing(value, "not even a plain XDP program loads", "look at the other findings");
  }
  if (support.errnoName === "EPERM") {
    const level = lockdown && /\[(\w+)\]/.exec(lockdown)?.[1];
    const seen = level && level !== "none" ? ` (kernel lockdown is \`${level}\`)` : "";
    const policy = `policy of this machine refuses it, to root too: lockdown or a security module${seen}`;
    return limited(value, `${policy}; ${instead}`, "nothing, or ask who set the policy");
  }
  return limited(
    value,
    `this kernel has no extensions for XDP (JIT off, or too old for ${arch()}); ${instead}`,
    "nothing is needed",
  );
}

function tailFinding(tried: { readonly obstacle: string | undefined } | undefined): Finding {
  if (!tried) return needsLibrary();
  if (tried.obstacle === undefined) return ok("works", "programs that are loaded already can join a chain");
  return limited(
    tried.obstacle,
    "programs that are loaded already cannot join a chain",
    "switch the JIT on (`sysctl net.core.bpf_jit_enable=1`); on arm64 use Linux 6.0 or later",
  );
}

function testRunFinding(works: boolean | undefined, errnoName: string | undefined, what: string): Finding {
  if (works === undefined) return needsLibrary();
  if (works) return ok("works", `${what}: possible`);
  return limited(
    `refused (${errnoName})`,
    `${what}: not possible`,
    errnoName === "EPERM" ? "run as root" : "a newer kernel has it (live frames: 5.18)",
  );
}
