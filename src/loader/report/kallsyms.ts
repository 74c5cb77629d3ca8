/**
 * Names of kernel functions, from /proc/kallsyms. In: the immediates of a live program's calls, which are distances from
 * `__bpf_call_base` (BPF_CALL_IMM in include/linux/filter.h). Out: the names that can be told.
 */
import { readFileSync } from "node:fs";

/**
 * The function behind each immediate. Without CAP_SYSLOG, or with kernel.kptr_restrict=2, all addresses are shown as 0 and
 * nothing is known.
 *
 * @param read gives the text of /proc/kallsyms
 */
export function calledFunctions(
  immediates: readonly number[],
  read: () => string = readKallsyms,
): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  if (immediates.length === 0) return names;
  const kallsyms = read();
  const base = BigInt(`0x${/^([0-9a-f]+) \w __bpf_call_base$/m.exec(kallsyms)?.[1] ?? 0}`);
  if (base === 0n) return names;
  for (const imm of new Set(immediates)) {
    const address = BigInt.asUintN(64, base + BigInt(imm));
    const name = symbolAt(kallsyms, address.toString(16).padStart(16, "0"));
    if (name !== undefined) names.set(imm, name);
  }
  return names;
}

/** A search in the text for each of a few dozen addresses is faster than to take 100,000 lines apart. */
function symbolAt(kallsyms: string, address: string): string | undefined {
  const line = kallsyms.indexOf(`${address} `);
  return line < 0 ? undefined : /^\w+ \w (\S+)/.exec(kallsyms.slice(line, line + LINE))?.[1];
}

/** Longer than any line: KSYM_NAME_LEN is 512. */
const LINE = 1024;

function readKallsyms(): string {
  try {
    return readFileSync("/proc/kallsyms", "utf8");
  } catch {
    // A kernel without CONFIG_KALLSYMS, or a container that hides it.
    return "";
  }
}
