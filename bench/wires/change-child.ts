/**
 * One change, made by a call of the library: between two looks at files that do not exist, by which a trace of system calls is cut.
 *
 *     node change-child.js first DEVICE CHAIN             the first call of the process
 *     node change-child.js running DEVICE BEFORE AFTER OTHER
 *                                                         after others, from BEFORE to OTHER; files with chains as JSON
 */
import { existsSync, readFileSync } from "node:fs";
import type { Chain } from "../../src/chain/index.ts";
import { attach, resolveChain } from "../../src/loader/index.ts";
import { BEGIN, END } from "./trace.ts";

const [kind, device, ...files] = process.argv.slice(2);
const chains = files.map((path) => resolveChain(JSON.parse(readFileSync(path, "utf8")) as Chain));
const [from, to, other] = await Promise.all(chains);
if (kind === "first") {
  existsSync(BEGIN);
  await attach(from!, device!);
} else {
  // What a process does once only, such as libbpf's questions to the kernel, is done by the first of these.
  const live = await attach(from!, device!);
  await live.update(to!);
  await live.update(from!);
  existsSync(BEGIN);
  await live.update(other!);
}
existsSync(END);
