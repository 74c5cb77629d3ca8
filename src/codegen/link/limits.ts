/** The kernel's limits for one program, which all that is linked into a dispatcher share. */
import { XdpgenError } from "../../errors.ts";
import type { Instruction } from "../asm/index.ts";
import { isTailCalled } from "../object/program.ts";
import type { Plan } from "../plan/plan.ts";
import type { Unit } from "./unit.ts";

/** BPF_MAX_SUBPROGS (include/linux/bpf_verifier.h); the main function counts. */
const MAX_FUNCTIONS = 256;
/** MAX_USED_MAPS (include/linux/bpf.h). A data section is a map too. */
const MAX_MAPS = 64;

/**
 * @param code of every function of the linked object
 * @param units what may bring maps
 * @throws XdpgenError `limit` with the figure and what to do
 */
export function checkLimits(plan: Plan, code: readonly (readonly Instruction[])[], units: readonly Unit[]): void {
  const functions = code.length;
  if (functions > MAX_FUNCTIONS) {
    throw new XdpgenError(
      "limit",
      `chain ${plan.chain} needs ${functions} functions for its ${plan.nodes.length} programs, and the kernel takes ` +
        `${MAX_FUNCTIONS} in one program: ${MAX_FUNCTIONS - 1} programs at most` +
        (functions > 1 + plan.nodes.length
          ? ", fewer where they bring functions of their own; use `linkage: freplace` for those"
          : ""),
    );
  }
  const used = new Set(code.flatMap((list) => list.flatMap(({ symbol }) => (symbol === undefined ? [] : [symbol]))));
  const brought = [...new Set(units.flatMap((u) => [...u.maps.map((m) => m.symbol), ...u.data.map((d) => d.section)]))];
  // libbpf makes one map of all the configuration that is read.
  const kconfig = units.some(({ externs }) => externs.some((e) => e.section === ".kconfig" && used.has(e.symbol)));
  const maps = brought.filter((name) => used.has(name)).length + (kconfig ? 1 : 0);
  const counters = plan.counters ? 1 : 0;
  const loaded = plan.nodes.filter(({ program }) => isTailCalled(program)).length;
  if (maps + loaded + counters > MAX_MAPS) {
    const others = [
      ...(loaded > 0 ? [`${loaded} for programs that are loaded already`] : []),
      ...(counters > 0 ? ["its counters"] : []),
    ];
    const beside = others.length > 0 ? ` beside ${others.join(" and ")}` : "";
    throw new XdpgenError(
      "limit",
      `chain ${plan.chain} links programs that use ${maps} maps (a data section counts as one)` +
        beside +
        `, and the kernel takes ${MAX_MAPS} in one program; use \`linkage: freplace\` for some of them, where each program has its own ${MAX_MAPS}`,
    );
  }
}
