/** What the linker does not do, said of the program that asks for it, and what to do instead. */
import { XdpgenError } from "../../errors.ts";
import type { ResolvedObject } from "../object/program.ts";

/** @param what such as `uses map m, …`: what it does that cannot be linked */
export function unsupported(program: ResolvedObject, what: string): XdpgenError {
  return new XdpgenError(
    "object-unsupported",
    `${program.name}: ${program.path} ${what}, which linkage \`${program.linkage}\` does not link; ` + apart("it"),
  );
}

/** What makes programs that cannot be linked programs of their own. What this kernel takes is not known here. */
export function apart(which: string): string {
  return (
    `use \`linkage: freplace\` for ${which}, where the kernel takes extension programs (\`xdpgen doctor\`), or load ${which} ` +
    "beforehand and declare what is loaded, as `pinned`"
  );
}
