/** Maps of the running programs, found by `xdpgen status --json` and read and filled with bpftool. */
import { DemoFailure } from "./processes.ts";
import { DEVICE, type Stage } from "./stage.ts";

export interface StatusJson {
  readonly generation: number;
  readonly mode: string;
  readonly programs: readonly {
    readonly name: string;
    readonly linkage: string;
    readonly maps: readonly { readonly name: string; readonly pin: string }[];
  }[];
}

export async function status(stage: Stage): Promise<StatusJson> {
  const { status: ended, stdout, stderr } = await stage.run(["xdpgen", "status", DEVICE, "--json"]);
  if (ended !== 0) throw new DemoFailure(`xdpgen status ${DEVICE} --json ended with ${ended}:\n${stderr}`);
  return (JSON.parse(stdout) as readonly [StatusJson])[0];
}

const known = new Map<string, string>();

/** The path of a map in bpffs. A program that stays in the chain keeps it, so it is asked for once. */
export async function pinOf(stage: Stage, program: string, map: string): Promise<string> {
  const name = `${program} ${map}`;
  if (!known.has(name)) {
    const { programs } = await status(stage);
    for (const each of programs) for (const { name: of, pin } of each.maps) known.set(`${each.name} ${of}`, pin);
  }
  const pin = known.get(name);
  if (pin === undefined) throw new DemoFailure(`xdpgen status names no map ${map} of a program ${program}`);
  return pin;
}

/** An entry of a map as bpftool shows it with the help of the map's BTF; of a per-CPU map, a value for each CPU. */
interface Entry {
  readonly key: unknown;
  readonly value?: unknown;
  readonly values?: readonly { readonly value: unknown }[];
}

async function entries(stage: Stage, program: string, map: string): Promise<readonly Entry[]> {
  const pin = await pinOf(stage, program, map);
  const { status: ended, stdout, stderr } = await stage.run(["bpftool", "-j", "map", "dump", "pinned", pin]);
  if (ended !== 0) throw new DemoFailure(`bpftool map dump pinned ${pin} ended with ${ended}:\n${stderr}${stdout}`);
  const list = JSON.parse(stdout) as readonly { readonly formatted?: Entry }[];
  return list.map((entry) => entry.formatted ?? (entry as unknown as Entry));
}

/** All values added up. */
export async function count(stage: Stage, program: string, map: string): Promise<number> {
  const list = await entries(stage, program, map);
  return list.flatMap(valuesOf).reduce<number>((sum, value) => sum + Number(value), 0);
}

/** Packets by protocol, as bpf/counter.bpf.c keeps them. */
export async function packetsByProtocol(
  stage: Stage,
  program = "counter",
): Promise<readonly (readonly [Protocol, number])[]> {
  const list = await entries(stage, program, "protocols");
  return list.map((entry) => {
    const packets = (valuesOf(entry) as readonly { readonly packets: number }[]).map((value) => value.packets);
    return [entry.key as Protocol, packets.reduce((sum, each) => sum + each, 0)] as const;
  });
}
export interface Protocol {
  readonly ethertype: number;
  readonly ip_protocol: number;
}

const valuesOf = ({ value, values }: Entry): readonly unknown[] => values?.map((each) => each.value) ?? [value];
