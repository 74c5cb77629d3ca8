/** `xdpgen watch`: applies a chain whenever its files change. */
import { XdpgenError } from "../../errors.ts";
import type { ChainVersion, SwapEvent } from "../../loader/index.ts";
import { command, type MakeCommand, printEvent, useColor } from "../common.ts";
import type { Library } from "../library.ts";
import { progress } from "../progress.ts";
import { renderError } from "../render/error.ts";
import { noteText } from "../render/events.ts";
import { applyChain, type ApplyOptions, plain, withApplyOptions } from "./apply.ts";

/** How long a version waits that another process was in the way of: twice as long each time, up to the longest. */
const [RETRY_MS, LONGEST_RETRY_MS] = [5000, 60_000];

export const watchCommand: MakeCommand = (io) =>
  withApplyOptions(
    command("watch", "Applies a chain now, and again whenever its file or what it names changes.", [
      ["xdpgen watch chain.yaml --dev eth0", "until Ctrl-C; the chain runs on then"],
      ["xdpgen watch chain.yaml --json | jq .event", "one JSON value in each line, for programs"],
    ]),
  ).action(async (path: string, options: ApplyOptions) => {
    using interrupt = io.interruptible();
    const tell = (event: string, rest: object = {}): void => {
      if (options.json) printEvent(io, event, rest);
    };
    await requireMachine(io.library);
    let applied = false;
    // Of what was tried last.
    let committing = false;
    const apply = async (version: ChainVersion): Promise<void> => {
      committing = false;
      if ("error" in version) throw version.error;
      const { chain } = version;
      using shown = progress(io.err);
      const note = (event: SwapEvent): void => {
        committing ||= event.kind === "begin" && (event.step === "commit" || event.step === "health");
        const message = noteText(event);
        if (message !== undefined) tell("message", { message });
      };
      const applying = { shown, tell: note, signal: interrupt.signal };
      for (const swapped of await applyChain(io, chain, path, options, applying)) {
        applied = true;
        tell("applied", { chain: chain.name, ...plain(swapped) });
      }
    };
    // Who hears nothing of a swap has not cancelled it: it is done, and the last.
    const ending = AbortSignal.any([interrupt.signal, io.unheard]);
    let retry: number | undefined;
    let pause = RETRY_MS;
    for await (const version of io.library.watchChain(path, { signal: ending, retryAfter: () => retry })) {
      let outcome = "";
      retry = undefined;
      if (!version.again) pause = RETRY_MS;
      try {
        await apply(version);
        pause = RETRY_MS;
      } catch (error) {
        if (!(error instanceof XdpgenError)) throw error;
        // Another process has the lock, or was faster: the version is not to blame.
        if (error.code === "conflict") {
          retry = pause;
          pause = Math.min(2 * pause, LONGEST_RETRY_MS);
        } else pause = RETRY_MS;
        const after = retry === undefined ? {} : { retryInMs: retry };
        tell("refused", { error: { code: error.code, message: error.message }, ...after });
        io.err.write(renderError(error, useColor(options.color, io, io.err)));
        if (error.code === "aborted") continue;
        // Once it came to a commit or a health command, only the error knows what runs.
        outcome = committing ? "" : "what runs stays as it is; ";
      }
      const next = retry === undefined ? "" : `trying again in ${retry / 1000} s; `;
      io.err.write(`${outcome}${next}watching ${path} and what it names\n`);
    }
    tell("ended");
    io.err.write(
      applied ? "ended; the chain runs on, and `xdpgen detach` takes it off\n" : "ended; nothing was applied\n",
    );
  });

/** No change of a file makes up for a missing privilege or library. */
async function requireMachine({ status }: Pick<Library, "status">): Promise<void> {
  await status().catch((error: unknown) => {
    if (!(error instanceof XdpgenError) || error.code === "environment") throw error;
  });
}
