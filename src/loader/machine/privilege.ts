/** What this process may do: its effective capabilities. */
import { readFileSync } from "node:fs";
import { XdpgenError } from "../../errors.ts";

/** Bits of CapEff (include/uapi/linux/capability.h). */
const CAPABILITIES = { NET_ADMIN: 12, SYS_ADMIN: 21, PERFMON: 38, BPF: 39 } as const;
export type Capability = keyof typeof CAPABILITIES;

export function effectiveCapabilities(): ReadonlySet<Capability> {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  const bits = BigInt(`0x${hex}`);
  const names = Object.keys(CAPABILITIES) as Capability[];
  return new Set(names.filter((name) => (bits >> BigInt(CAPABILITIES[name])) & 1n));
}

/**
 * What attaching needs: CAP_NET_ADMIN for XDP, and CAP_SYS_ADMIN to find live programs and maps by id, which holds
 * CAP_BPF and CAP_PERFMON as well (kernel/bpf/syscall.c).
 *
 * @param what the attempt, such as `attach to eth0`
 * @throws XdpgenError `environment`
 */
export function requirePrivilege(what: string): void {
  const have = effectiveCapabilities();
  const missing = (["NET_ADMIN", "SYS_ADMIN"] as const).filter((name) => !have.has(name));
  if (missing.length === 0) return;
  throw new XdpgenError(
    "environment",
    `cannot ${what}: this needs ${missing.map((name) => `CAP_${name}`).join(" and ")}, which user ` +
      `${process.geteuid?.() ?? "?"} has not; run it as root (sudo)`,
  );
}
