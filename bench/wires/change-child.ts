/**
 * One change in a process that has changed chains before, or the first one of a process: attaches what is given, then updates
 * it, between two looks at files that do not exist, by which a trace of system calls is cut.
 *
 *     node change-child.js DEVICE BEFORE AFTER      two files with chains as JSON
 */
import { existsSync, readFileSync } from "node:fs";
import type { Chain } from "../../src/chain/index.ts";
import { attach, resolveChain } from "../../src/loader/index.ts";
import { BEGIN, END } from "./trace.ts";

const [device, before, after] = process.argv.slice(2);
const read = (path: string): Promise<Chain> => resolveChain(JSON.parse(readFileSync(path, "utf8")) as Chain);
const [from, to] = [await read(before!), await read(after!)];
// What a process does once only, such as libbpf's questions to the kernel, is done by the first of these.
const live = await attach(from, device!);
await live.update(to);
await live.update(from);
existsSync(BEGIN);
await live.update(to);
existsSync(END);
