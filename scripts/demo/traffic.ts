/** Pings from the neighbour and datagrams that arrive here. */
import { createSocket } from "node:dgram";
import { setTimeout } from "node:timers/promises";
import { DemoFailure } from "./processes.ts";
import { show } from "./report.ts";
import type { Stage } from "./stage.ts";

const PINGS = 2;

/** Pings from one of the neighbour's addresses, shown by its result; whether every ping, or none, was answered. */
export async function ping(stage: Stage, from: string, to: string): Promise<boolean> {
  const words = ["ping", "-q", "-c", `${PINGS}`, "-i", "0.2", "-W", "1", "-I", from, to];
  const { stdout, stderr } = await stage.runThere(words);
  const match = /(\d+) packets transmitted, (\d+) received/.exec(stdout);
  if (!match) throw new DemoFailure(`${words.join(" ")} did not work:\n${stderr}${stdout}`);
  const [sent, received] = [Number(match[1]), Number(match[2])];
  show(`  ping from ${from.padEnd(13)} to ${to.padEnd(12)}  ${received} of ${sent} answered`);
  if (received !== 0 && received !== sent)
    throw new DemoFailure(`${received} of ${sent} pings from ${from} to ${to} were answered: all or none should be`);
  return received > 0;
}

/** Counts the datagrams that arrive at a port of 192.0.2.1 while `meanwhile` runs, and shortly after. */
export async function arrivals<T>(port: number, meanwhile: () => Promise<T>): Promise<readonly [number, T]> {
  const socket = createSocket("udp4");
  let arrived = 0;
  socket.on("message", () => (arrived += 1));
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, "192.0.2.1", resolve);
    });
    const result = await meanwhile();
    for (let before = -1; before !== arrived;) {
      before = arrived;
      await setTimeout(200);
    }
    return [arrived, result];
  } finally {
    socket.close();
  }
}
