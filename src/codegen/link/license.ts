/** One license for one linked object: the kernel asks it before it lets a program call a GPL-only helper. */
import { XdpgenError } from "../../errors.ts";
import type { ResolvedObject } from "../object/program.ts";
import { apart } from "./unsupported.ts";

/** include/linux/license.h, license_is_gpl_compatible(). */
const GPL_COMPATIBLE: ReadonlySet<string> = new Set([
  "GPL",
  "GPL v2",
  "GPL and additional rights",
  "Dual BSD/GPL",
  "Dual MIT/GPL",
  "Dual MPL/GPL",
]);

/** What a dispatcher without linked programs declares: its code is ours and calls no GPL-only helper. */
const OWN_LICENSE = "Apache-2.0";

/** @throws XdpgenError `object-unsupported` where GPL-compatible and other programs would become one work */
export function commonLicense(programs: readonly ResolvedObject[]): string {
  const licenses = new Set(programs.map((p) => p.object.license));
  if (licenses.size <= 1) return [...licenses][0] ?? OWN_LICENSE;
  const other = programs.find((p) => !GPL_COMPATIBLE.has(p.object.license));
  const gpl = programs.find((p) => GPL_COMPATIBLE.has(p.object.license));
  if (other && gpl) {
    throw new XdpgenError(
      "object-unsupported",
      `${gpl.name} is licensed "${gpl.object.license}" and ${other.name} ` +
        `${other.object.license === "" ? "has no license" : `"${other.object.license}"`}: ` +
        `linked into one program they need one license that the kernel takes for both; ${apart("one of them")}`,
    );
  }
  return other ? other.object.license : "GPL";
}
