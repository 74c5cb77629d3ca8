/** The words of `npm run soak`. In: the command line. Out: what to do, or a `UsageError` that explains. */
import { parseArgs } from "node:util";
import { type Mode, MODES, OBJECT_LINKAGES, type ObjectLinkage } from "../../src/chain/index.ts";

export const USAGE = `npm run soak -- [options]

Traffic through a chain that changes all the while: programs, linkages and objects come and go, calls of the kernel fail,
processes are killed, checks refuse. At the end every frame must have met one generation of the chain, nothing may be left
behind, and the process must not grow. It takes 50 swaps to say that, and 200 to judge the memory: fewer fail, or say so.
Exit status: 0 all held, 1 something did not, 2 a wrong command line.

  --minutes N         how long (default 10)
  --swaps N           until so many swaps have been made, in place of a time
  --mode MODE         native or generic (default native)
  --linkage LINKAGE   of the programs that come and go: freplace, call or inline (default: all, and tail)
  --deed DEED         only that one, such as swap (default: all, by chance); what is none names them all
  --seed S            of the first deed, 0 to 4294967295 (default: another one each time)
  --json              the report as one JSON value on standard output
  --help
`;

export class UsageError extends Error {}

export interface Command {
  /** Of these two one is infinite. */
  readonly minutes: number;
  readonly swaps: number;
  readonly mode: Mode;
  /** Undefined: all that the kernel takes. */
  readonly linkage: ObjectLinkage | undefined;
  /** By its name (`DEEDS`); undefined: all. */
  readonly deed: string | undefined;
  readonly seed: number;
  readonly json: boolean;
}

/** @throws UsageError */
export function readCommandLine(words: readonly string[]): Command | "help" {
  const { values } = parsed(words);
  if (values.help) return "help";
  const number = (name: "minutes" | "swaps" | "seed", most: number): number | undefined => {
    const value = values[name];
    if (value === undefined) return undefined;
    if (!/^\d{1,10}$/.test(value) || Number(value) > most || (name !== "seed" && Number(value) === 0))
      throw new UsageError(`--${name} takes a whole number up to ${most}, not "${value}"`);
    return Number(value);
  };
  const swaps = number("swaps", 1_000_000);
  const minutes = number("minutes", 100_000);
  if (swaps !== undefined && minutes !== undefined) throw new UsageError("--minutes and --swaps: give one of them");
  const mode = MODES.find((one) => one === (values.mode ?? "native"));
  if (!mode) throw new UsageError(`--mode takes ${MODES.join(" or ")}, not "${values.mode}"`);
  const linkage = OBJECT_LINKAGES.find((one) => one === values.linkage);
  if (values.linkage !== undefined && !linkage)
    throw new UsageError(`--linkage takes ${OBJECT_LINKAGES.join(", ")}, not "${values.linkage}"`);
  return {
    minutes: minutes ?? (swaps === undefined ? 10 : Infinity),
    swaps: swaps ?? Infinity,
    mode,
    linkage,
    deed: values.deed,
    seed: number("seed", 0xffff_ffff) ?? Math.floor(Math.random() * 2 ** 32),
    json: values.json === true,
  };
}

function parsed(words: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args: [...words],
      options: {
        minutes: text,
        swaps: text,
        mode: text,
        linkage: text,
        deed: text,
        seed: text,
        json: flag,
        help: flag,
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}
