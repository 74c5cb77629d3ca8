import { parseArgs } from "node:util";
import { ScriptFailure } from "../debian/failure.ts";
import type { VmOptions } from "./boot.ts";
import { isKernelVersion, kernels } from "./kernels.ts";

export const usage = `npm run vm -- [options] -- COMMAND [ARGUMENTS]

Runs a command as root in a virtual machine, in the folder it is called from, and ends with its exit status.

  --kernel VERSION   ${Object.keys(kernels).join(", ")} (default 6.1): Debian's kernel of that version
  --cpus N           processors of the guest (default 1)
  --icount           its clock counts instructions, one for each nanosecond: what is timed is exact, and slow
  --memory SIZE      its memory, as 2G or 512M (default 2G)
  --timeout SECONDS  after this the guest is killed, exit status 124 (default 600)
  --out DIR          a folder that the guest may write to; it has the same path there
  --append WORDS     further words for the kernel's command line
  --help

For example:
  npm run vm -- --kernel 6.1 -- uname -r
  npm run vm -- --kernel 6.1 -- npx vitest run --project kernel
`;

/** The harness's options from the words of the command line. Throws ScriptFailure on a wrong one. */
export function parseCommandLine(words: readonly string[]): VmOptions | "help" {
  const end = words.indexOf("--");
  const own = end === -1 ? words : words.slice(0, end);
  const command = end === -1 ? [] : words.slice(end + 1);
  const { values } = ((): { values: Partial<Record<string, string | boolean>> } => {
    try {
      const text = { type: "string" } as const;
      return parseArgs({
        args: [...own],
        options: {
          kernel: text,
          cpus: text,
          memory: text,
          timeout: text,
          out: text,
          append: text,
          icount: { type: "boolean" },
          help: { type: "boolean", short: "h" },
        },
      });
    } catch (error) {
      throw new ScriptFailure(`${(error as Error).message}\n\n${usage}`, 2, { cause: error });
    }
  })();
  if (values["help"] === true) return "help";
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const whole = (name: string, fallback: number): number => {
    const number = Number(text(name) ?? fallback);
    if (!Number.isInteger(number) || number < 1) {
      throw new ScriptFailure(`--${name} takes a whole number from 1, not "${text(name) ?? ""}"`, 2);
    }
    return number;
  };
  const kernel = text("kernel") ?? "6.1";
  if (!isKernelVersion(kernel)) {
    throw new ScriptFailure(`there is no kernel "${kernel}"; there are ${Object.keys(kernels).join(", ")}`, 2);
  }
  const memory = text("memory") ?? "2G";
  if (!/^[1-9]\d*[MG]$/.test(memory))
    throw new ScriptFailure(`--memory takes a size such as 2G or 512M, not "${memory}"`, 2);
  if (command.length === 0) throw new ScriptFailure(`no command: put it after "--"\n\n${usage}`, 2);
  const out = text("out");
  const cpus = whole("cpus", 1);
  const icount = values["icount"] === true;
  if (icount && cpus > 1) throw new ScriptFailure(`--icount counts the instructions of one processor, not ${cpus}`, 2);
  return {
    kernel,
    command,
    memory,
    cpus,
    ...(icount && { icount }),
    timeoutSeconds: whole("timeout", 600),
    ...(out === undefined ? {} : { out }),
    append: (text("append") ?? "").split(" ").filter((word) => word !== ""),
  };
}
