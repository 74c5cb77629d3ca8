/**
 * The demonstration on the kernel that runs this process, which must be root in a network namespace of its own. Steps and
 * their expectations; the first that does not hold ends it with a message. Exit status 0, 1, or 128 + n for a signal.
 */
import { readlinkSync } from "node:fs";
import { constants, release } from "node:os";
import { XdpgenError } from "../../src/index.ts";
import { DemoFailure } from "./processes.ts";
import { failed, title } from "./report.ts";
import { withStage } from "./stage.ts";
import { steps } from "./steps.ts";

class Interrupted extends Error {
  readonly status: number;

  constructor(signal: keyof typeof constants.signals) {
    super(signal);
    this.status = 128 + constants.signals[signal];
  }
}

export async function here(): Promise<number> {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => controller.abort(new Interrupted(signal)));
  }
  // A reader that has seen enough (`npm run demo | head`).
  process.stdout.on("error", () => controller.abort(new Interrupted("SIGPIPE")));
  try {
    if (readlinkSync("/proc/self/ns/net") === readlinkSync(`/proc/${process.ppid}/ns/net`))
      throw new DemoFailure(
        "`here` plays in a network namespace of its own: run `npm run demo`, or `unshare --net` it",
      );
    title(`xdpgen on Linux ${release()}`);
    await withStage(controller.signal, async (stage) => {
      for (const step of steps) await step(stage);
    });
    return 0;
  } catch (error) {
    if (error instanceof Interrupted) {
      failed(`interrupted by ${error.message}; everything was put away`);
      return error.status;
    }
    if (!(error instanceof DemoFailure || error instanceof XdpgenError)) throw error;
    failed(`${error.message}\n  The demo ends here; everything was put away.`);
    return 1;
  }
}
