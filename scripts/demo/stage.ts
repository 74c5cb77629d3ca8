/**
 * Where the demo plays: this machine's end of a veth pair, `edge0`, and a neighbour at the other end, `peer0`.
 *
 *     this process's network namespace        the neighbour's network namespace
 *     edge0   192.0.2.1    2001:db8::1  ════  peer0   192.0.2.10 .20 .66   2001:db8::10 ::66
 *
 * Both namespaces are nameless and live by their processes: however the demo ends, the kernel takes namespaces, pair and
 * addresses away with it. The machine's own network namespace is not touched, so nothing there can collide or interfere.
 * Addresses are those for documentation (RFC 5737, RFC 3849).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { on, once } from "node:events";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { detach, XdpgenError } from "../../src/index.ts";
import { DemoFailure, type Ended, mustRun, run } from "./processes.ts";
import { blank, colours, commandLine, show } from "./report.ts";
import { type Answer, MACS, type Numbered, READY, type Request, type Sent } from "./requests.ts";

export const DEVICE = "edge0";

const xdpgen = [execPath, fileURLToPath(new URL("../../dist/cli/bin.js", import.meta.url))];
const self = [execPath, "--import", "tsx", fileURLToPath(new URL("main.ts", import.meta.url))];

export interface Stage {
  /** Runs a command here, its first word being `xdpgen` or a program's name, without a word about it. */
  run(words: readonly string[]): Promise<Ended>;
  /** The same, shown as a person would type it. */
  shown(words: readonly string[]): Promise<Ended>;
  /** Runs a command in the neighbour's namespace. */
  runThere(words: readonly string[]): Promise<Ended>;
  /** Has the neighbour do something. @throws DemoFailure when it could not */
  ask(request: Request): Promise<Sent>;
}

/** Makes the pair, lets `play` use it, and puts everything away whatever happens. */
export async function withStage(interrupt: AbortSignal, play: (stage: Stage) => Promise<void>): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([interrupt, over.signal]);
  const neighbour = await startNeighbour(signal);
  const here = (command: readonly string[]): readonly string[] =>
    command[0] === "xdpgen" ? [...xdpgen, ...command.slice(1)] : command;
  const there = ["nsenter", `--net=/proc/${neighbour.pid}/ns/net`];
  const environment: Record<string, string> = colours ? { FORCE_COLOR: "1" } : {};
  const stage: Stage = {
    run: (command) => run(here(command), signal),
    async shown(command) {
      blank();
      commandLine(command);
      const ended = await run(here(command), signal, { environment });
      // A command speaks of what it does on standard error before it answers on standard output.
      show(ended.stderr + ended.stdout);
      return ended;
    },
    runThere: (command) => run([...there, ...command], signal),
    ask: (request) => ask(neighbour, request, signal),
  };
  try {
    await mustRun(["ip", "-batch", "-"], signal, { input: batchHere(neighbour.pid!) });
    await mustRun([...there, "ip", "-batch", "-"], signal, { input: batchThere });
    await play(stage);
  } finally {
    over.abort();
    try {
      // An interruption may be what brought us here; it must not stop what puts things away.
      await ask(neighbour, { kind: "detach" }, new AbortController().signal);
      await detachHere();
    } finally {
      neighbour.kill("SIGKILL");
    }
  }
}

/** Takes the chain and its pins away, where the demo came far enough to have any. */
async function detachHere(): Promise<void> {
  await detach(DEVICE).catch((error: unknown) => {
    if (!(error instanceof XdpgenError && error.code === "interface-missing")) throw error;
  });
}

async function startNeighbour(signal: AbortSignal): Promise<ChildProcess> {
  const words = ["--pdeathsig", "KILL", "unshare", "--net", ...self, "neighbour"];
  const child = spawn("setpriv", words, { stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true });
  try {
    await answerOf(child, READY, signal);
    return child;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

let asked = READY;

async function ask(neighbour: ChildProcess, request: Request, signal: AbortSignal): Promise<Sent> {
  signal.throwIfAborted();
  asked += 1;
  const numbered: Numbered = { id: asked, request };
  const answer = answerOf(neighbour, asked, signal);
  neighbour.send(numbered);
  return answer;
}

/** @throws the signal's reason; DemoFailure when the neighbour could not do it or has ended */
async function answerOf(neighbour: ChildProcess, id: number, signal: AbortSignal): Promise<Sent> {
  const settled = new AbortController();
  const of = { signal: settled.signal };
  try {
    return await Promise.race([
      (async () => {
        for await (const [answer] of on(neighbour, "message", of) as AsyncIterable<[Answer]>) {
          if (answer.id !== id) continue;
          if ("done" in answer) return answer.done;
          throw new DemoFailure(`the neighbour: ${answer.failed}`);
        }
        throw new DemoFailure("the neighbour says no more");
      })(),
      once(neighbour, "exit", of).then(() => {
        throw new DemoFailure("the neighbour's process has ended");
      }),
      once(signal, "abort", of).then(() => {
        throw signal.reason as Error;
      }),
    ]);
  } finally {
    settled.abort();
  }
}

const end = (name: string): string => `
  link set lo up
  link set ${name} addrgenmode none
  link set ${name} up`;

const address = (name: string, addresses: readonly string[]): string =>
  addresses.map((each) => `addr add ${each}${each.includes(":") ? "/64" : "/24"} dev ${name} nodad\n`).join("");

/** Neighbours are told, not discovered, so that no frame but the demo's own is counted. */
const neighbours = (name: string, mac: string, addresses: readonly string[]): string =>
  addresses.map((each) => `neigh replace ${each} lladdr ${mac} dev ${name} nud permanent\n`).join("");

const OURS = ["192.0.2.1", "2001:db8::1"];
const NOBODYS = ["192.0.2.99", "2001:db8::99"];
const THEIRS = ["192.0.2.10", "192.0.2.20", "192.0.2.66", "2001:db8::10", "2001:db8::66"];

/** Lines for `ip -batch`. */
const batchHere = (peer: number): string => `
  link add ${DEVICE} address ${MACS.edge0} type veth peer name peer0 address ${MACS.peer0} netns ${peer}
  ${end(DEVICE)}
${address(DEVICE, OURS)}
${neighbours(DEVICE, MACS.peer0, THEIRS)}`;

const batchThere = `
  ${end("peer0")}
${address("peer0", THEIRS)}
${neighbours("peer0", MACS.edge0, [...OURS, ...NOBODYS])}`;
