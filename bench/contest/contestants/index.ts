/** All of them, in the order of the tables. */
import type { Contestant } from "../contestant.ts";
import { alone, empty } from "./alone.ts";
import { frozenConfig, frozenFreplace } from "./frozen-config.ts";
import { libxdp } from "./libxdp.ts";
import { oneFile } from "./one-file.ts";
import { root, tailCalls } from "./tail-calls.ts";
import { linkedBy, tail } from "./xdpgen.ts";
import { xdpcap } from "./xdpcap.ts";

export const EMPTY = empty.name;

export const CONTESTANTS: readonly Contestant[] = [
  empty,
  alone,
  oneFile,
  linkedBy("inline"),
  linkedBy("call"),
  linkedBy("freplace"),
  tail,
  tailCalls,
  root,
  xdpcap,
  frozenConfig,
  frozenFreplace,
  libxdp,
];

/** Instructions that each program of the slowed contestant executes for nothing. */
export const SLOWED = 10;

/** To see that the benchmark sees it: the same as `call`, and slower. */
export const slowedCall: Contestant = linkedBy("call", SLOWED);
