/**
 * The programs of a work as C, in the two forms that contestants build on: each an XDP program in a file of its own, and each
 * a plain function, several of which fit into one file. So all contestants run the same code of the same compiler.
 */
import { readFileSync } from "node:fs";
import type { GlobalValue } from "../../src/chain/index.ts";
import { decider, LASTS, type Work } from "./work.ts";

export interface Source {
  /** Told apart within a work: `p0`, `p1`, … */
  readonly name: string;
  /** The XDP function. */
  readonly main: string;
  /** A whole C file. */
  readonly text: string;
  readonly globals: Readonly<Record<string, GlobalValue>>;
}

/** In their order, with what makes them pass the packet of `work.ts`. */
const REAL: Readonly<Record<string, Readonly<Record<string, GlobalValue>>>> = {
  counter: {},
  denylist: {},
  "vlan-pop": {},
  classify: { unknown: 2 },
  ratelimit: { rate_pps: 4_000_000_000, burst: 4_000_000_000 },
  firewall: { family: 4 },
  ids: {},
  sample: { one_in: 0 },
  balancer: {},
  echo: {},
};

/** Lengths of a frame that trivial programs ask for: the packets of `work.ts` have the first, and none the last. */
const HAS = 14;
const HAS_NOT = 1514;

/** @param slowed instructions that each trivial program executes for nothing */
export function sourcesOf(work: Work, slowed = 0): readonly Source[] {
  if (work.kind === "real") return Object.entries(REAL).map(([program, globals], k) => real(program, globals, k));
  return Array.from({ length: work.programs }, (_, k): Source => {
    const decides = work.decides === "last" ? LASTS : HAS_NOT;
    const shortest = k === decider(work) ? decides : HAS;
    return { name: `p${k}`, main: "xdp_trivial", text: trivial(shortest, slowed), globals: {} };
  });
}

function trivial(shortest: number, slowed: number): string {
  return `#define SHORTEST ${shortest}\n#define SLOWED ${slowed}\n${peer("trivial")}`;
}

function real(program: string, globals: Source["globals"], k: number): Source {
  const text = readFileSync(`bpf/${program}.bpf.c`, "utf8");
  return { name: `p${k}`, main: `xdp_${program.replaceAll("-", "_")}`, text, globals };
}

/** A file of bench/bpf. */
export const peer = (name: string): string => readFileSync(`bench/bpf/${name}.c`, "utf8");

/** PROCEEDS(code): whether the next program runs. That after 31, "no verdict of mine", it always does is part of the work. */
export function proceeds({ proceedOn }: Work): string {
  const codes = proceedOn.map((action) => `(code) == XDP_${action.toUpperCase()}`);
  return `#define PROCEEDS(code) (${[...codes, "(code) == 31"].join(" || ")})`;
}

/** The program as `static __always_inline int program(struct xdp_md *ctx)`, for one that another function calls. */
export function asFunction({ text, main }: Source): string {
  return text
    .replace(/^char _license.*$/m, "")
    .replace(new RegExp(`SEC\\("xdp(?:\\.frags)?"\\)\\nint ${main}\\(`), "static __always_inline int program(");
}

/** The same with what it names told apart from others' by the program's name: the function is called that, too. */
export function asPart(source: Source): string {
  const prefix = `${source.name}_`;
  let text = asFunction(source).replace("int program(", `int ${source.name}(`);
  const all = (pattern: RegExp): readonly string[] => [...text.matchAll(pattern)].map(([, found]) => found!);
  const tell = (word: string, before = ""): void => {
    text = text.replaceAll(new RegExp(`(?<![.>\\w])${before}${word}\\b`, "g"), `${before}${prefix}${word}`);
  };
  for (const tag of all(/^struct (\w+) \{/gm)) tell(tag, "struct ");
  for (const own of all(/^static __always_inline [^(]*?(\w+)\(/gm)) {
    if (own !== source.name) text = text.replaceAll(new RegExp(`(?<![.>\\w])${own}\\(`, "g"), `${prefix}${own}(`);
  }
  for (const macro of all(/^#define (\w+)/gm)) tell(macro);
  for (const variable of all(/^const volatile \w+ (\w+)/gm)) tell(variable);
  for (const map of all(/^\} (\w+) SEC\("\.maps"\);/gm)) tell(map);
  return text;
}

/** The values of the parts' variables, by the names that they have in the whole. */
export function globalsOf(sources: readonly Source[]): Readonly<Record<string, GlobalValue>> {
  return Object.fromEntries(
    sources.flatMap(({ name, globals }) =>
      Object.entries(globals).map(([variable, value]): [string, GlobalValue] => [`${name}_${variable}`, value]),
    ),
  );
}

export const LICENSE = 'char _license[] SEC("license") = "GPL";\n';
