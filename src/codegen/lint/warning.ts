/** A warning about a chain, as a value. `src/chain` finds its place in a text. */
import type { WarningCode } from "../../chain/allow.ts";
import type { Mistake } from "../../chain/mistake.ts";

export interface Warning extends Omit<Mistake, "code"> {
  /** `useless-allow`: an `allow` that silences nothing, which cannot be silenced. */
  readonly code: WarningCode | "useless-allow";
}
