import { parseArgs } from "node:util";
import { ScriptFailure } from "../debian/failure.ts";
import { isKernelVersion, kernels } from "../vm/kernels.ts";
import type { KernelVersion } from "../vm/kernels.ts";

const all = ["host", ...Object.keys(kernels)].join(", ");

export const usage = `npm run test:kernels -- [options] [-- WORDS FOR VITEST]

Runs the kernel tests on kernels: on this machine's own (host), and on Debian's in virtual machines.

  --kernel NAME   one of ${all}; may be said several times (default all)
  --jobs N        how many run at the same time (default: one for each processor)
  --json          the result as JSON on standard output, everything else on standard error
  --help

For example:
  npm run test:kernels -- --kernel 5.10 --kernel 7.2
  npm run test:kernels -- --kernel 6.12 -- test/kernel/swap.test.ts -t "a sweep"
`;

export type MatrixLine = {
  /** In the order of the command line, each once. */
  readonly targets: readonly ("host" | KernelVersion)[];
  readonly json: boolean;
  readonly jobs: number | undefined;
  readonly words: readonly string[];
};

/** What the words of the command line ask for. Throws ScriptFailure on a wrong one. */
export function parseMatrixLine(words: readonly string[]): MatrixLine | "help" {
  const end = words.indexOf("--");
  const own = end === -1 ? words : words.slice(0, end);
  const values = readOptions(own);
  if (values.help === true) return "help";
  const targets = (values.kernel ?? ["host", ...Object.keys(kernels)]).map((name) => {
    if (name === "host" || isKernelVersion(name)) return name;
    throw new ScriptFailure(`there is no kernel "${name}"; there are ${all}`, 2);
  });
  const jobs = values.jobs === undefined ? undefined : Number(values.jobs);
  if (jobs !== undefined && (!Number.isInteger(jobs) || jobs < 1))
    throw new ScriptFailure(`--jobs takes a whole number from 1, not "${values.jobs}"`, 2);
  return {
    targets: [...new Set(targets)],
    json: values.json === true,
    jobs,
    words: end === -1 ? [] : words.slice(end + 1),
  };
}

function readOptions(args: readonly string[]): { kernel?: string[]; jobs?: string; json?: boolean; help?: boolean } {
  try {
    return parseArgs({
      args: [...args],
      options: {
        kernel: { type: "string", multiple: true },
        jobs: { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new ScriptFailure(`${(error as Error).message}\n\n${usage}`, 2, { cause: error });
  }
}
