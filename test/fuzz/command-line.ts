/** The words of `npm run fuzz`. In: the command line. Out: what to do, or a `UsageError` that explains. */
import { parseArgs } from "node:util";
import { nearest } from "../../src/nearest.ts";
import { TARGETS, targetNames } from "./targets.ts";

export const USAGE = `npm run fuzz -- [TARGET…] [options]

Checks claims over generated cases, each target in a process of its own, until each had its share of the time.
Without TARGET: all of them. Exit status: 0 none failed, 1 one failed or none could run, 2 a wrong command line.

  --minutes N   time for all targets together (default 10; none with --cases)
  --cases N     at most so many cases of each target
  --seed S      seed of the first batch, 0 to 4294967295 (default: another one each time); every batch has the next
  --limit N     seconds after which a batch counts as hung (default 120)
  --memory N    megabytes that a target's process may use (default 2048)
  --folder DIR  where the targets are (default test/fuzz/targets)
  --list        say what there is, and end
  --json        the summary as one JSON value on standard output
  --help

For example:
  npm run fuzz -- asm-llvm --minutes 2
  npm run fuzz -- asm-bytes --cases 10000000
`;

export class UsageError extends Error {}

export interface Command {
  readonly names: readonly string[];
  readonly folder: string;
  readonly seed: number;
  readonly minutes: number;
  readonly cases: number;
  readonly limits: { readonly seconds: number; readonly megabytes: number };
  readonly list: boolean;
  readonly json: boolean;
  /** The words that a run must have too to fail in the same way. */
  readonly repeat: readonly string[];
}

/** @throws UsageError */
export function readCommandLine(words: readonly string[]): Command | "help" {
  const { values, positionals } = parsed(words);
  if (values.help) return "help";
  const number = (
    name: "minutes" | "cases" | "seed" | "limit" | "memory",
    allowed: RegExp,
    what: string,
  ): number | undefined => {
    const value = values[name];
    if (value === undefined) return undefined;
    if (!allowed.test(value)) throw new UsageError(`--${name} takes ${what}, not "${value}"`);
    return Number(value);
  };
  const whole = /^0*[1-9]\d{0,14}$/;
  const folder = values.folder ?? TARGETS;
  const cases = number("cases", whole, "a whole number from 1");
  const seed = number("seed", /^\d{1,10}$/, "a whole number from 0 to 4294967295");
  if (seed !== undefined && seed > 0xffff_ffff) throw new UsageError(`--seed takes 32 bits, not ${seed}`);
  return {
    names: chosen(positionals, namesIn(folder)),
    folder,
    seed: seed ?? Math.floor(Math.random() * 0x8000_0000),
    minutes: number("minutes", /^(?=.*[1-9])\d+(\.\d+)?$/, "a number above 0") ?? (cases === undefined ? 10 : Infinity),
    cases: cases ?? Infinity,
    limits: {
      seconds: number("limit", whole, "whole seconds from 1") ?? 120,
      megabytes: number("memory", whole, "whole megabytes from 1") ?? 2048,
    },
    list: values.list ?? false,
    json: values.json ?? false,
    repeat: (["limit", "memory", "folder"] as const).flatMap((name) => {
      const value = values[name];
      return value === undefined ? [] : [`--${name}`, value];
    }),
  };
}

function parsed(words: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        minutes: text,
        cases: text,
        seed: text,
        limit: text,
        memory: text,
        folder: text,
        list: flag,
        json: flag,
        help: { ...flag, short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return targetNames(folder);
  } catch (error) {
    throw new UsageError(`--folder ${folder} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function chosen(wanted: readonly string[], names: readonly string[]): readonly string[] {
  for (const name of wanted) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    throw new UsageError(
      `there is no target "${name}"${near === undefined ? "" : `, did you mean ${near}?`} There are ${names.join(", ")}`,
    );
  }
  return wanted.length > 0 ? [...new Set(wanted)] : names;
}
