/**
 * One of the processes of status.test.ts, which goes on until it is killed. `swap` swaps as fast as it can: odd generations run
 * one chain, even ones another. `attach` attaches and detaches. `sweep` clears what is defunct and reads the status, in
 * whatever network namespace it was started. Prints a line when its first round is done.
 */
import { setTimeout } from "node:timers/promises";
import type { Linkage } from "../../src/chain/index.ts";
import { attach, clearDefunct, detach, status } from "../../src/loader/index.ts";
import { alternating } from "./status-chains.ts";

/** Milliseconds that are long enough to be seen: in emulation a report takes a second, and who reads has the same processor. */
const SEEN = process.env["XDPGEN_VM"] === undefined ? 5 : 2000;

const [job, device = "", linkage] = process.argv.slice(2);

async function round(count: number): Promise<void> {
  if (job === "sweep") {
    if (clearDefunct() > 0) throw new Error("there was nothing to clear");
    status();
    return;
  }
  if (job === "swap") return void (await attach(alternating(linkage as Linkage, count), device));
  await attach(alternating(linkage as Linkage, 1), device);
  await setTimeout(SEEN);
  await detach(device);
}

for (let count = 1; ; count++) {
  await round(count);
  if (count === 1) process.stdout.write("ready\n");
}
