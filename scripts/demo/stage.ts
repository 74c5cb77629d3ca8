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
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";

import { detach } from "../../src/loader/index.ts";
import { type Ended, holdNamespace, mustRun, run } from "./processes.ts";
import { colours, commandLine, show } from "./report.ts";

export const DEVICE = "edge0";
export const MACS = { edge0: "02:00:00:00:00:01", peer0: "02:00:00:00:00:02" } as const;

const root = fileURLToPath(new URL("../..", import.meta.url));
const xdpgen = [execPath, fileURLToPath(new URL("dist/cli/bin.js", `file://${root}`))];
const self = [execPath, "--import", "tsx", fileURLToPath(new URL("main.ts", import.meta.url))];

export interface Stage {
  readonly signal: AbortSignal;
  /** Runs a command, its first word being `xdpgen` or a program's name, without a word about it. */
  run(where: Place, words: readonly string[]): Promise<Ended>;
  /** The same, shown as a person would type it. */
  shown(where: Place, words: readonly string[]): Promise<Ended>;
  /** `main.ts send …` in the neighbour's namespace; what it answers. */
  send(...words: readonly string[]): Promise<unknown>;
}
export type Place = "here" | "neighbour";

const PROMPTS: Record<Place, string> = { here: "$ ", neighbour: "neighbour$ " };

/** Makes the pair, lets `play` use it, and puts everything away whatever happens. */
export async function withStage(signal: AbortSignal, play: (stage: Stage) => Promise<void>): Promise<void> {
  const neighbour = await holdNamespace();
  const words = (where: Place, [first = "", ...rest]: readonly string[]): string[] => {
    const command = first === "xdpgen" ? [...xdpgen, ...rest] : [first, ...rest];
    return where === "here" ? command : ["nsenter", `--net=/proc/${neighbour.pid}/ns/net`, ...command];
  };
  const environment = colours ? { FORCE_COLOR: "1" } : {};
  const stage: Stage = {
    signal,
    run: (where, command) => run(words(where, command), signal, environment),
    async shown(where, command) {
      commandLine(PROMPTS[where], command);
      const ended = await stage.run(where, command);
      // A command speaks of what it does on standard error before it answers on standard output.
      show(ended.stderr + ended.stdout);
      return ended;
    },
    send: async (...given) => JSON.parse(await mustRun(words("neighbour", [...self, "send", ...given]), signal)),
  };
  try {
    for (const line of preparations(neighbour.pid)) await mustRun(words(line.where, line.words), signal);
    await play(stage);
  } finally {
    // The signal may be what brought us here; putting away must not be stopped by it.
    const never = new AbortController().signal;
    await run(words("neighbour", ["xdpgen", "detach", "--all"]), never);
    await putAway();
    neighbour.kill("SIGKILL");
  }
}

/** Takes the chain and its pins away, where the demo came far enough to have any. */
async function putAway(): Promise<void> {
  await detach(DEVICE).catch((error: { readonly code?: string }) => {
    if (error.code !== "interface-missing") throw error;
  });
}

/** Neighbours are told, not discovered, so that no frame but the demo's own is counted. */
function preparations(neighbour: number): readonly { readonly where: Place; readonly words: readonly string[] }[] {
  const { edge0, peer0 } = MACS;
  const ip = (where: Place, line: string) => ({ where, words: ["ip", ...line.split(" ")] });
  const end = (where: Place, name: string) => [
    ip(where, `link set ${name} addrgenmode none`),
    ip(where, `link set lo up`),
    ip(where, `link set ${name} up`),
  ];
  const address = (where: Place, name: string, list: string) =>
    list.split(" ").map((each) => {
      const six = each.includes(":");
      return ip(where, `addr add ${each}/${six ? 64 : 24} dev ${name}${six ? " nodad" : ""}`);
    });
  const neighbours = (where: Place, name: string, mac: string, list: string) =>
    list.split(" ").map((each) => ip(where, `neigh replace ${each} lladdr ${mac} dev ${name} nud permanent`));
  const pair = `link add ${DEVICE} address ${edge0} type veth peer name peer0 address ${peer0} netns ${neighbour}`;
  return [
    ip("here", pair),
    ...end("here", DEVICE),
    ...end("neighbour", "peer0"),
    ...address("here", DEVICE, "192.0.2.1 2001:db8::1"),
    ...address("neighbour", "peer0", "192.0.2.10 192.0.2.20 192.0.2.66 2001:db8::10 2001:db8::66"),
    ...neighbours("here", DEVICE, peer0, "192.0.2.10 192.0.2.20 192.0.2.66 2001:db8::10 2001:db8::66"),
    ...neighbours("neighbour", "peer0", edge0, "192.0.2.1 192.0.2.99 2001:db8::1 2001:db8::99"),
  ];
}
