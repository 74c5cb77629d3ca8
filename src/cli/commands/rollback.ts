/** `xdpgen rollback`: makes interfaces run a generation that is kept. */
import { InvalidArgumentError } from "commander";
import { XdpgenError } from "../../errors.ts";
import type { RollbackResult, SwapEvent } from "../../loader/index.ts";
import { collect, command, type CommonOptions, type MakeCommand, printJson } from "../common.ts";
import type { Library } from "../library.ts";
import { noteText } from "../render/events.ts";

interface Options extends CommonOptions {
  readonly dev?: readonly string[];
  readonly to?: number;
}

export const rollbackCommand: MakeCommand = (io, result) =>
  command("rollback", "Makes interfaces run a kept generation again, in one step. Maps keep their contents.", [
    ["xdpgen rollback eth0", "the newest that is kept, of those before the one that runs"],
    ["xdpgen rollback eth0 --to 3", "to this one; `xdpgen status eth0` lists what is kept"],
    ["xdpgen rollback eth0 eth1", "on two interfaces, one after the other"],
  ])
    .argument("[interface...]", "the interfaces")
    .option("-d, --dev <interface>", "another interface; may be given several times", collect)
    .option("--to <generation>", "a kept generation, also one that was rolled back", generation)
    .action(async (named: readonly string[], { dev = [], to, json }: Options) => {
      const devices = [...new Set([...named, ...dev])];
      if (devices.length === 0)
        throw new XdpgenError("usage", "rollback: which interface? `xdpgen status` lists those with a chain");
      using interrupt = io.interruptible();
      const rolledBack: object[] = [];
      const events: SwapEvent[] = [];
      result.done = { rolledBack, events };
      if (devices.length > 1) await io.library.requireInterfaces(devices);
      const once = devices.length > 1 ? await eachOnce(devices, io.library) : devices;
      const tell = (event: SwapEvent): void => {
        if (event.kind !== "begin") events.push(event);
        const note = noteText(event);
        if (note !== undefined) io.err.write(`${note}\n`);
      };
      for (const device of once) {
        const given = { events: tell, signal: interrupt.signal, ...(to !== undefined && { to }) };
        const done = await io.library.rollback(device, given);
        if (json) rolledBack.push(plain(device, done));
        else io.out.write(`${device}: ${sentence(done)}\n`);
      }
      if (json) printJson(io, result.done);
    });

/** An interface may have several names. */
async function eachOnce(
  devices: readonly string[],
  { interfaceIndex }: Pick<Library, "interfaceIndex">,
): Promise<readonly string[]> {
  const byIndex = new Map<number, string>();
  for (const device of devices) {
    const index = await interfaceIndex(device);
    if (!byIndex.has(index)) byIndex.set(index, device);
  }
  return [...byIndex.values()];
}

function generation(value: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= 1 && number <= 0xffff_ffff) return number;
  throw new InvalidArgumentError("It must be the number of a generation, as `xdpgen status` lists them.");
}

function sentence({ from, generation: now, mode, manifest }: RollbackResult): string {
  const what = `chain ${manifest.chain}, generation ${now}, ${mode} mode`;
  if (from === now) return `nothing to change: ${what}`;
  return `rolled ${now < from ? "back" : "forward"} from generation ${from} to ${what}; maps keep their contents`;
}

function plain(device: string, { from, generation: now, mode, manifest }: RollbackResult): object {
  return { interface: device, from, generation: now, chain: manifest.chain, mode, programs: manifest.programs };
}
