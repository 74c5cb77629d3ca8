/** What the linker does not do, said of the program that asks for it. */
import { XdpgenError } from "../../errors.ts";
import type { ResolvedObject } from "../object/program.ts";

/** @param what such as `uses map m, …`: what it does that cannot be linked */
export function unsupported(program: ResolvedObject, what: string): XdpgenError {
  return new XdpgenError(
    "object-unsupported",
    `${program.name}: ${program.path} ${what}, which linkage \`${program.linkage}\` does not link; ` +
      "use `linkage: freplace` for it, where the kernel takes extension programs (`xdpgen doctor`)",
  );
}
