/**
 * What a user declares: the value that chain.yaml is parsed into and that the library takes.
 *
 * Plain immutable values. Nothing here has looked into an object file: what an object says of itself (its functions, its
 * `.xdp_run_config`) is joined with the declaration by the plan.
 */
import type { Allow } from "./allow.ts";
import type { Check } from "./check.ts";
import type { Health } from "./health.ts";
import type { MapPlace } from "./map-home.ts";

/** XDP actions in the order of their codes: `ACTIONS[2] === "pass"` (include/uapi/linux/bpf.h, enum xdp_action). */
export const ACTIONS = ["aborted", "drop", "pass", "tx", "redirect"] as const;
export type Action = (typeof ACTIONS)[number];

/** The XDP return code of an action, 0 to 4. */
export function actionCode(action: Action): number {
  return ACTIONS.indexOf(action);
}

/** `XDP_PASS`, `Pass`, `pass`: the one spelling of an action, or of whatever else it is. */
export function plainAction(text: string): string {
  return text.toLowerCase().replace(/^xdp_/, "");
}

/** "No verdict of mine": the code that runs on to the next program whatever the edges say; what an unbound stub returns. */
export const NO_VERDICT = 31;

/** How the slot of a program that comes as an object can be bound to its code. */
export const OBJECT_LINKAGES = ["freplace", "call", "inline"] as const;
export type ObjectLinkage = (typeof OBJECT_LINKAGES)[number];

/** How a slot is bound to its program's code. A program that is loaded already is tail-called, and only such a one. */
export const LINKAGES = [...OBJECT_LINKAGES, "tail"] as const;
export type Linkage = (typeof LINKAGES)[number];

export const PREFERENCES = ["independence", "speed"] as const;
export type Preference = (typeof PREFERENCES)[number];

/** Whether the program's code is part of the dispatcher's own program. */
export function isLinked(linkage: Linkage): boolean {
  return linkage === "call" || linkage === "inline";
}

/** How many generations an attachment keeps beside the live one, and how many it may. */
export const DEFAULT_HISTORY = 1;
export const MAX_HISTORY = 16;

export const MODES = ["native", "generic"] as const;
export type Mode = (typeof MODES)[number];

/** The value of a `const volatile` variable of a program. Arrays fill an array variable from its first element. */
export type GlobalValue = number | bigint | boolean | string | readonly GlobalValue[];

/**
 * Where control flow goes after a program, as chain.yaml spells it:
 *
 *     next               the next program in order; behind the last one, the chain's `end` or the group's `end`
 *     NAME               that program, or the first program of that group
 *     return             end with the program's own verdict
 *     return ACTION      end with an action
 *     return kept        end with the verdict that an earlier edge kept; the own one where nothing was kept on the way
 *     {to, keep}         to `next` or a name; `keep: verdict` remembers the action that took this edge
 */
export type Edge = string | { readonly to: string; readonly keep?: "verdict" };

/** Edges by action. `default` is for the actions that are not named; without it they end the chain with themselves. */
export type Edges = Readonly<Partial<Record<Action | "default", Edge>>>;

/** A named sub-chain: edges enter it by its name, and its programs run in their own order. */
export interface Group {
  /** Where running off its end leads: any edge but `next`. Default `return`. */
  readonly end?: Edge;
}

/**
 * One XDP program of a chain: an object that xdpgen loads, or a program that somebody has loaded already. Exactly one of
 * `object`, `pinned`, `id` and `fd` says which.
 */
export interface Program {
  /** Unique in the chain, `[a-z][a-z0-9-]*`. */
  readonly name: string;
  /** Path of the ELF object, absolute or relative to the working directory. */
  readonly object?: string;
  /** The object's bytes, once read. `loadChain` reads them; `synthesise` needs them. Nobody changes them afterwards. */
  readonly bytes?: Uint8Array;
  /** The XDP function in the object. Needed only where the object has several. */
  readonly function?: string;
  /** Values for the object's `const volatile` variables, set before the program is loaded. */
  readonly globals?: Readonly<Record<string, GlobalValue>>;
  /** Of the object's maps, by their names: which are those of another program, and which are pinned where. */
  readonly maps?: Readonly<Record<string, MapPlace>>;
  /** Path of a loaded program's pin in a bpffs, absolute or relative to the working directory. */
  readonly pinned?: string;
  /** A loaded program's id, as `bpftool prog show` prints it. */
  readonly id?: number;
  /** A loaded program as a file descriptor of this process, open until the chain is attached. No file can name one. */
  readonly fd?: number;
  /** What the kernel says of a loaded program, once it was asked. `attach` asks; `synthesise` does without. */
  readonly facts?: LoadedFacts;
  /**
   * Lower runs first. Without it: the object's own `.xdp_run_config`, else 50. `none`: the program has no place in the
   * order, and runs only where an edge names it.
   */
  readonly priority?: number | "none";
  /** Programs that run later than this one. */
  readonly before?: readonly string[];
  /** Programs that run earlier than this one. */
  readonly after?: readonly string[];
  /** The group that the program is in; without it, the chain itself. */
  readonly group?: string;
  /** Actions after which the next program runs. Without it: the object's own `.xdp_run_config`, else `["pass"]`. */
  readonly proceedOn?: readonly Action[];
  /** Edges by action, the general form of `proceedOn`. A program has one or the other. */
  readonly on?: Edges;
  /** Warnings about this program that are meant. */
  readonly allow?: Allow;
  /** Overrides the chain's linkage. `tail` is for loaded programs, which have no other. */
  readonly linkage?: Linkage | "auto";
}

/** What a dispatcher must know of a loaded program. */
export interface LoadedFacts {
  /** Loaded with BPF_F_XDP_HAS_FRAGS: takes packets of several buffers. */
  readonly frags: boolean;
  /** Its code makes tail calls. */
  readonly tailCalls: boolean;
  /** Loaded with `expected_attach_type` BPF_XDP, or with 0. */
  readonly attachType: "xdp" | "none";
}

/** Which loaded program it is, in the words of chain.yaml: `pinned: /sys/fs/bpf/ids`; undefined for an object. */
export function loadedSource({ pinned, id, fd }: Program): string | undefined {
  if (pinned !== undefined) return `pinned: ${pinned}`;
  if (id !== undefined) return `id: ${id}`;
  return fd === undefined ? undefined : `fd: ${fd}`;
}

/** A declared chain. `programs` are in the order of declaration; the plan orders them by priority. */
export interface Chain {
  /** `[a-z][a-z0-9-]*`. */
  readonly name: string;
  /** Interfaces by name; may be empty when the caller names one. */
  readonly interfaces: readonly string[];
  readonly mode: Mode | "auto";
  readonly linkage: Linkage | "auto";
  /**
   * What linkage `auto` is for. `independence`: programs stay loaded when their neighbours change. `speed`: their code lies
   * in the dispatcher, where it can. Default `independence`.
   */
  readonly prefer?: Preference;
  /** What running off the end returns: the last program's own verdict, or an action. */
  readonly end: "verdict" | Action;
  /** Count how often each program returns what. Default: no, at no cost. */
  readonly counters?: boolean;
  /** Generations that stay pinned beside the live one for `rollback`, 0 to 16. Default 1. */
  readonly history?: number;
  readonly groups?: Readonly<Record<string, Group>>;
  readonly programs: readonly Program[];
  /** Warnings about any of its programs that are meant. */
  readonly allow?: Allow;
  /** A command that decides after each swap whether it stays. */
  readonly health?: Health;
  /** Proofs that the chain must pass before it goes live. */
  readonly checks?: readonly Check[];
  /** The text that the chain was read from, so that what is found later can be shown in its place. */
  readonly source?: { readonly file: string; readonly text: string };
}
