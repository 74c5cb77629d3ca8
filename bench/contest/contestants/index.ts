/** All of them, in the order of the tables. */
import type { Contestant } from "../contestant.ts";
import { isBase, type Scope, type Work } from "../work.ts";
import { alone, empty } from "./alone.ts";
import { frozenConfig, frozenFreplace } from "./frozen-config.ts";
import { libxdp } from "./libxdp.ts";
import { oneFile } from "./one-file.ts";
import { root, tailCalls } from "./tail-calls.ts";
import { xdpcap } from "./xdpcap.ts";
import { linkedBy, tail } from "./xdpgen.ts";

export const EMPTY = empty.name;

const OURS: readonly Contestant[] = [linkedBy("inline"), linkedBy("call"), linkedBy("freplace"), tail];

/** Instructions that each program of the slowed contestant executes for nothing. */
export const SLOWED = 10;

/** To see that the benchmark sees it: the same as `call`, and slower. */
export const slowedCall: Contestant = linkedBy("call", SLOWED);

const ALL: readonly Contestant[] = [
  empty,
  alone,
  oneFile,
  ...OURS,
  tailCalls,
  root,
  xdpcap,
  frozenConfig,
  frozenFreplace,
  libxdp,
];

/** Who takes part: on the base work all, and the slowed one; on others all, but for a quick run only ours and the limit. */
export function contestantsOf(scope: Scope): (work: Work) => readonly Contestant[] {
  return (work) => {
    if (isBase(work)) return [...ALL, slowedCall];
    return scope === "quick" ? [empty, oneFile, ...OURS] : ALL;
  };
}
