/**
 * Which code an input is the first to reach, by V8's counts of every block of the modules under test.
 *
 * Code that has run before counting starts is counted by function only, so counting starts when this module is imported.
 */
import { type Profiler, Session } from "node:inspector";

export interface Coverage {
  /** Whether anything ran since the last question that had not run when `remember` was called. */
  hasNew(): boolean;
  /** From now on, what the last `hasNew` saw is not new. */
  remember(): void;
}

const session = new Session();
session.connect();
post("Profiler.enable");
post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });

function post(method: string, options?: object): unknown {
  let answer: unknown;
  // A session within the process answers before `post` returns.
  session.post(method, options, (error, result) => {
    if (error) throw error;
    answer = result;
  });
  return answer;
}

/** @param files addresses of the modules to watch: `/src\/codegen\/elf\//` */
export function coverage(files: RegExp): Coverage {
  const known = new Map<string, Uint8Array>();
  let seen: (readonly [string, Uint8Array])[] = [];
  return {
    hasNew() {
      seen = ranSinceLastAsked(files);
      return seen.some(([name, text]) => {
        const before = known.get(name);
        return before === undefined || text.some((ran, at) => ran > before[at]!);
      });
    },
    remember() {
      for (const [name, text] of seen) {
        const before = known.get(name);
        if (before === undefined) known.set(name, text);
        else for (const [at, ran] of text.entries()) before[at]! |= ran;
      }
    },
  };
}

/** Functions that ran, each with a byte per character of its text: 1 where it ran. */
function ranSinceLastAsked(files: RegExp): [string, Uint8Array][] {
  const { result } = post("Profiler.takePreciseCoverage") as Profiler.TakePreciseCoverageReturnType;
  return result
    .filter(({ url }) => files.test(url))
    .flatMap(({ scriptId, functions }) =>
      functions.map(({ ranges }): [string, Uint8Array] => {
        const { startOffset: start, endOffset: end } = ranges[0]!;
        const text = new Uint8Array(end - start);
        // Outer ranges come first, and an inner one is there only if its count is another.
        for (const range of ranges) {
          text.fill(range.count > 0 ? 1 : 0, range.startOffset - start, range.endOffset - start);
        }
        return [`${scriptId}:${start}:${end}`, text];
      }),
    );
}
