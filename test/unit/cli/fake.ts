/** An `Io` that remembers what was written, over a library that does as the test says. */
import type { Chain } from "../../../src/chain/index.ts";
import type { Io, Stream } from "../../../src/cli/io.ts";
import type { Library } from "../../../src/cli/library.ts";
import { main } from "../../../src/cli/main.ts";
import type { DispatcherImage } from "../../../src/codegen/index.ts";
import type { AttachmentStatus, LiveFigures, Preview, VerifiedImage } from "../../../src/loader/index.ts";

export const chain: Chain = {
  name: "edge",
  interfaces: ["eth0", "eth1"],
  mode: "auto",
  linkage: "auto",
  end: "verdict",
  programs: [
    { name: "denylist", object: "denylist.bpf.o" },
    { name: "counter", object: "counter.bpf.o" },
  ],
};

const manifestProgram = { function: "xdp_x", priority: 50, edges: {}, linkage: "call", hash: "0" } as const;

export const image = {
  elf: Uint8Array.from([0x7f, 0x45, 0x4c, 0x46]),
  listing: "xdpgen_edge:\n    exit\n",
  passes: "# plan\n",
  main: "xdpgen_edge",
  figures: {
    dispatcher: { instructions: 1082, functions: 10, maps: 1, frame: 4, stack: 128 },
    programs: [
      { program: "denylist", instructions: 81, functions: 1, maps: 2, frame: 24, stack: 32 },
      { program: "counter", instructions: 337, functions: 2, maps: 2, frame: null, stack: null },
    ],
  },
  slots: [{ program: "denylist", linkage: "call", symbol: "xdp_denylist", btfId: 1, maps: new Map([["a", "b"]]) }],
  manifest: {
    chain: "edge",
    end: "verdict",
    programs: chain.programs.map(({ name, object }) => ({ name, object, ...manifestProgram })),
  },
} as unknown as DispatcherImage;

export const verified: VerifiedImage = {
  dispatcher: {
    verifiedInstructions: 90_015,
    microseconds: 79_744,
    frames: [
      { function: "xdpgen_edge", bytes: 8 },
      { function: "xdp_denylist", bytes: 24 },
    ],
  },
  programs: [
    { program: "denylist", as: "xdp", verifiedInstructions: 227, microseconds: 98, frames: [] },
    {
      program: "counter",
      as: "xdp",
      because: "loading an extension program fails with EPERM",
      verifiedInstructions: 345,
      frames: [],
    },
  ],
};

const liveFigures: LiveFigures = {
  verifiedInstructions: 1204,
  functions: 3,
  maps: 2,
  translatedBytes: 5120,
  jitedBytes: 3456,
  memoryBytes: 8192,
};

export const attachment: AttachmentStatus = {
  interface: "eth0",
  ifindex: 2,
  namespace: { inode: 4026531833, kind: "own" },
  chain: "edge",
  end: "verdict",
  mode: "native",
  generation: 3,
  since: new Date("2026-11-22T10:00:00"),
  defunct: false,
  moved: false,
  pins: "/sys/fs/bpf/xdpgen/4026531833-2",
  troubles: [],
  dispatcher: { id: 812, tag: "3043a46d948c6021", name: "xdpgen_edge", figures: liveFigures },
  sharedWith: [],
  programs: [
    {
      order: 1,
      name: "denylist",
      object: "denylist.bpf.o",
      function: "xdp_denylist",
      priority: 10,
      edges: { pass: "counter", "no-verdict": "counter" },
      linkage: "freplace",
      hash: "d3c2e04e8ba0fc02",
      id: 97,
      tag: "f00dfacef00dface",
      figures: { ...liveFigures, verifiedInstructions: 227 },
      maps: [
        { name: "denylist_v4", id: 11, pin: "/sys/fs/bpf/xdpgen/4026531833-2/programs/denylist-d3c2/maps/denylist_v4" },
      ],
    },
    {
      order: 2,
      name: "counter",
      object: "counter.bpf.o",
      function: "xdp_counter",
      priority: 50,
      edges: { "no-verdict": "return pass" },
      linkage: "call",
      hash: "32a150512c1606f1",
      maps: [{ name: "totals", id: 12, pin: "/sys/fs/bpf/xdpgen/4026531833-2/programs/counter-32a1/maps/totals" }],
    },
  ],
  kept: [
    { generation: 2, chain: "edge", since: new Date("2026-11-22T09:00:00"), programs: ["denylist"], whole: true },
    { generation: 1, chain: "old-edge", since: new Date("2026-11-20T08:00:00"), programs: ["ids"], whole: false },
  ],
};

/** Of an interface that runs the chain already. */
export const nothingToChange: Preview = {
  interface: "eth0",
  present: { link: "here", chain: "edge", generation: 3, mode: "native", occupants: [] },
  outcome: "unchanged",
  chain: "edge",
  generation: 3,
  mode: "native",
  repair: false,
  difference: { code: false, programs: [], unreachable: [], reachable: [] },
  forgotten: [],
};

function unexpected(name: string) {
  return (): never => {
    throw new Error(`the test did not expect a call of ${name}`);
  };
}

export interface Run {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  readonly files: ReadonlyMap<string, string | Uint8Array>;
}

export interface World {
  readonly library?: Partial<Library>;
  readonly terminal?: boolean;
  readonly env?: Io["env"];
  /** What is in each file, and in `-`. */
  readonly inputs?: Readonly<Record<string, string | Uint8Array>>;
  /** Of Ctrl-C. */
  readonly interrupt?: AbortSignal;
  /** Of a reader that goes away. */
  readonly unheard?: AbortSignal;
}

const NEVER = new AbortController().signal;

/** Runs a command line, split at spaces. */
export async function run(
  line: string,
  { library = {}, terminal = false, env = {}, inputs = {}, interrupt = NEVER, unheard = NEVER }: World = {},
): Promise<Run> {
  const written = { out: "", err: "" };
  const stream = (name: "out" | "err"): Stream => ({
    write: (data) => void (written[name] += typeof data === "string" ? data : new TextDecoder("latin1").decode(data)),
    isTerminal: terminal,
    columns: 80,
  });
  const files = new Map<string, string | Uint8Array>();
  const io: Io = {
    out: stream("out"),
    err: stream("err"),
    env,
    now: () => new Date("2026-11-22T12:05:30"),
    writeFile: async (path, data) => void files.set(path, data),
    readInput: async (path) => {
      const content = inputs[path];
      if (content === undefined) throw new Error(`the test did not expect ${path} to be read`);
      return typeof content === "string" ? new TextEncoder().encode(content) : content;
    },
    async *openInput(path) {
      const whole = await this.readInput(path);
      // In pieces, as files come.
      for (let at = 0; at < whole.length; at += 50) yield whole.subarray(at, at + 50);
    },
    unheard,
    interruptible: () => ({ signal: interrupt, [Symbol.dispose]: () => {} }),
    library: {
      loadChain: async () => chain,
      watchChain: unexpected("watchChain"),
      synthesise: async () => image,
      verifyImage: unexpected("verifyImage"),
      planChain: unexpected("planChain"),
      preview: async (_, devices) => devices.map((device) => ({ ...nothingToChange, interface: device })),
      apply: unexpected("apply"),
      status: unexpected("status"),
      rollback: unexpected("rollback"),
      detach: unexpected("detach"),
      clearDefunct: async () => 0,
      requireInterfaces: async () => {},
      interfaceIndex: unexpected("interfaceIndex"),
      openTracer: unexpected("openTracer"),
      doctor: unexpected("doctor"),
      testChain: unexpected("testChain"),
      lint: async () => [],
      autoReason: unexpected("autoReason"),
      readLiveProgram: unexpected("readLiveProgram"),
      ...library,
    },
  };
  const status = await main(
    line.split(" ").filter((word) => word !== ""),
    io,
  );
  return { status, ...written, files };
}
