/** Why programs are bound as they are, where a linkage that was left to `auto` is not the preferred one. */
import type { ManifestProgram } from "../../codegen/index.ts";

/** A sentence for each. */
export function linkageReasons(
  programs: readonly Pick<ManifestProgram, "name" | "linkage" | "because">[],
): readonly string[] {
  return programs.flatMap(({ name, linkage, because }) =>
    because === undefined ? [] : [`${name} is bound by ${linkage}, ${because}`],
  );
}
