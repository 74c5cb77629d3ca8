/** The kernel's limits for one program, which all that is linked into a dispatcher share. */
import { XdpgenError } from "../../errors.ts";
import type { Plan } from "../plan/plan.ts";
import type { Unit } from "./unit.ts";

/** BPF_MAX_SUBPROGS (include/linux/bpf_verifier.h); the main function counts. */
const MAX_FUNCTIONS = 256;
/** MAX_USED_MAPS (include/linux/bpf.h). A data section is a map too. */
const MAX_MAPS = 64;

/**
 * @param own functions of the dispatcher's own: main and stubs
 * @throws XdpgenError `limit` with the figure and what to do
 */
export function checkLimits(plan: Plan, own: number, units: readonly Unit[]): void {
  const functions = own + units.reduce((sum, unit) => sum + unit.functions.length, 0);
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
  const used = new Set(
    units.flatMap((unit) => unit.functions.flatMap((f) => f.code.map((i) => i.symbol).filter((s) => s !== undefined))),
  );
  const brought = [...new Set(units.flatMap((u) => [...u.maps.map((m) => m.symbol), ...u.data.map((d) => d.section)]))];
  const maps = brought.filter((name) => used.has(name)).length;
  if (maps > MAX_MAPS) {
    throw new XdpgenError(
      "limit",
      `chain ${plan.chain} links programs that use ${maps} maps (a data section counts as one), and the kernel takes ` +
        `${MAX_MAPS} in one program; use \`linkage: freplace\` for some of them, where each program has its own ${MAX_MAPS}`,
    );
  }
}
