/** Holds a handle while its parent ends: attaches a chain to an interface, kills the parent, goes on. Writes what came of it. */
import { writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { attach, loadChain } from "../../../src/loader/index.ts";

const [path, device, said] = process.argv.slice(2) as [string, string, string];
const chain = await loadChain(path);
const live = await attach(chain, device);
const parent = process.ppid;
process.kill(parent, "SIGKILL");
while (process.ppid === parent) await setTimeout(10);
try {
  const { generation } = live.status();
  const { generation: next } = await live.update(chain.without("p2"));
  const { detached } = await live.detach();
  writeFileSync(said, JSON.stringify({ generations: [generation, next], detached }));
} catch (error) {
  writeFileSync(said, JSON.stringify({ error: String(error) }));
}
