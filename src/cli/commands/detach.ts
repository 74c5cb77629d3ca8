/** `xdpgen detach`: takes chains off interfaces and removes their pins. */
import { combineFailures, XdpgenError } from "../../errors.ts";
import type { AttachmentStatus, SwapEvent } from "../../loader/index.ts";
import { command, type CommonOptions, type MakeCommand, printJson } from "../common.ts";
import { noteText } from "../render/events.ts";

interface Options extends CommonOptions {
  readonly all?: true;
}

export const detachCommand: MakeCommand = (io, result) =>
  command("detach", "Takes the chain off an interface. Programs that are not xdpgen's stay.", [
    ["xdpgen detach eth0", "no error when there is nothing to detach"],
    ["xdpgen detach --all", "from every interface of this network namespace"],
  ])
    .argument("[interface]", "the interface")
    .option("--all", "every chain of this network namespace, and what removed interfaces have left")
    .action(async (device: string | undefined, options: Options) => {
      if ((device === undefined) === (options.all === undefined)) {
        const what =
          device === undefined ? "which interface? name one, or say --all" : `${device} and --all: say one of them`;
        throw new XdpgenError("usage", `detach: ${what}`);
      }
      using interrupt = io.interruptible();
      const detached: string[] = [];
      const events: SwapEvent[] = [];
      result.done = { detached, events };
      // The library says what it did, a sentence for each interface.
      const say = (message: string): void => (options.json ? io.err : io.out).write(`${message}\n`);
      // Attachments of interfaces that are gone have no name.
      const tell = (event: SwapEvent): void => {
        if (event.kind !== "begin") events.push(event);
        const note = noteText(event);
        if (note !== undefined) say(note);
      };
      const cleared = device === undefined ? await io.library.clearDefunct(tell) : 0;
      const devices = device === undefined ? await attached(io.library) : [device];
      const failures: unknown[] = [];
      for (const name of devices) {
        try {
          const ended = await io.library.detach(name, { events: tell, signal: interrupt.signal });
          if (ended.detached) detached.push(name);
        } catch (error) {
          failures.push(error);
          if (interrupt.signal.aborted) break;
        }
      }
      if (failures.length > 0) throw combineFailures(failures);
      if (options.json) printJson(io, result.done);
      else if (devices.length === 0 && cleared === 0) say("xdpgen has nothing on any interface: nothing was changed");
    });

async function attached(library: {
  status(): Promise<readonly Pick<AttachmentStatus, "interface" | "namespace">[]>;
}): Promise<readonly string[]> {
  const report = await library.status();
  return report.flatMap(({ interface: device, namespace }) => (namespace.kind === "own" ? (device ?? []) : []));
}
