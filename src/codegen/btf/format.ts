/** BTF as text, in one of two styles. */
import { formatC } from "./c.ts";
import { formatRaw } from "./raw.ts";
import type { Btf } from "./types.ts";

export interface FormatBtfOptions {
  /**
   * `raw`, the default: every type with its id and every number, line for line as `bpftool btf dump file FILE format raw`.
   * `c`: declarations for a C compiler, with the same sizes and offsets.
   */
  readonly style?: "raw" | "c";
}

/**
 * All types; ends with a line feed unless there are none. `raw` shows any numbers, those that `encodeBtf` would refuse too.
 * @throws XdpgenError `btf-invalid` for more text than a string can hold; in style `c`, also for types that C cannot have
 */
export function formatBtf(btf: Btf, { style = "raw" }: FormatBtfOptions = {}): string {
  return style === "raw" ? formatRaw(btf) : formatC(btf);
}
