/** What a user needs of a verifier's log: its last useful lines, and where the whole of it is. */
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isErrno, type KernelError } from "../machine/kernel.ts";

const BEGIN = "-- BEGIN PROG LOAD LOG --\n";
const END = "-- END PROG LOAD LOG --";
const LINES = 12;

/** The last verifier log in what libbpf printed; undefined where the verifier was not reached. */
export function verifierLog(printed: string): string | undefined {
  const begin = printed.lastIndexOf(BEGIN);
  if (begin < 0) return undefined;
  const from = begin + BEGIN.length;
  const end = printed.indexOf(END, from);
  return printed.slice(from, end < 0 ? undefined : end);
}

export interface RefusedInstruction {
  /** The function that libbpf loaded as a program. */
  readonly program: string;
  /** Its number, as the verifier counts them. */
  readonly instruction: number;
}

/**
 * The instruction at which the verifier gave up, in what libbpf printed: the last one that the log shows, or, where it was
 * refused before it was walked, the one that the reason names. Undefined where no single one is to blame.
 */
export function refusedInstruction(printed: string): RefusedInstruction | undefined {
  const log = verifierLog(printed);
  const program = [...printed.matchAll(/prog '([^']*)': -- BEGIN PROG LOAD LOG --/g)].at(-1)?.[1];
  if (log === undefined || program === undefined || /too large|too complex|combined stack size/.test(log))
    return undefined;
  const walked = [...log.matchAll(/^(\d+): \(/gm)].at(-1);
  const named = walked ?? [...log.matchAll(/\binsn (\d+)/g)].at(-1);
  return named && { program, instruction: Number(named[1]) };
}

/** The figures at the end of a log that has them. */
export interface Statistics {
  readonly verifiedInstructions: number;
  readonly microseconds: number;
  /** Bytes of the frame of each function, the main function's first. */
  readonly frames: readonly number[];
}

/** Reads the statistics of a program that was taken (kernel/bpf/verifier.c, print_verification_stats); undefined where there are none. */
export function readStatistics(log: string): Statistics | undefined {
  const microseconds = /^verification time (\d+) usec$/m.exec(log)?.[1];
  // Later kernels say behind it how deep the deepest chain is.
  const frames = /^stack depth ([\d+]+)(?: max \d+)?$/m.exec(log)?.[1];
  const instructions = /^processed (\d+) insns /m.exec(log)?.[1];
  if (microseconds === undefined || frames === undefined || instructions === undefined) return undefined;
  return {
    verifiedInstructions: Number(instructions),
    microseconds: Number(microseconds),
    frames: frames.split("+").map(Number),
  };
}

/** Statistics that follow the reason, and blank lines. */
const NOISE = /^(processed \d+ insns|insns processed|verification time|stack depth|$)/;

export function lastLines(log: string, count: number = LINES): readonly string[] {
  return log
    .split("\n")
    .filter((line) => !NOISE.test(line))
    .slice(-count);
}

/** What libbpf said before or without a verifier, without its prefix and its repetitions. */
export function libbpfReason(printed: string): readonly string[] {
  const begin = printed.indexOf(BEGIN);
  const lines = (begin < 0 ? printed : printed.slice(0, begin))
    .split("\n")
    .map((line) => line.replace(/^libbpf: /, ""))
    .filter((line) => line !== "" && !/^failed to load object|-- BEGIN|: failed to load: /.test(line));
  return [...new Set(lines)].slice(-LINES);
}

let written = 0;

/** The files of logs, by the failed calls that they are of. */
const files = new WeakMap<KernelError, string>();

/** Removes the file of a log that nobody is told of, since the failure was not the end. */
export function discardLog(failed: KernelError): void {
  const path = files.get(failed);
  if (path !== undefined) remove(path);
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It is in the folder for temporary files, and no reason for a chain not to run.
  }
}

/**
 * Writes a log to a file of its own, which is for the user to keep or remove, and returns its path; undefined where the
 * folder for such files cannot be written. The folder is everybody's: a file that is there already is not followed.
 */
export function saveLog(failed: KernelError, program: string, log: string): string | undefined {
  for (;;) {
    const path = join(tmpdir(), `xdpgen-${program.slice(0, NAME)}-${process.pid}-${++written}.log`);
    try {
      writeFileSync(path, log, { mode: 0o600, flag: "wx" });
      files.set(failed, path);
      return path;
    } catch (error) {
      if (isErrno(error, "EEXIST")) continue;
      remove(path);
      return undefined;
    }
  }
}

/** As much of a program's name as a file name has room for. */
const NAME = 128;
