/**
 * A synthesised dispatcher in the interpreter: its bytes as they stand in the object. Programs that it calls return what the
 * packet prescribes for them (verdict-program.ts); those whose code lies in it run, on a packet in memory.
 */
import type { DispatcherImage } from "../../src/codegen/index.ts";
import type { Counts } from "../../src/codegen/index.ts";
import { counterMemory } from "./counter-memory.ts";
import { dispatcherCode } from "./dispatcher-code.ts";
import { type Region, run } from "./interpreter.ts";
import type { Outcome } from "./model.ts";
import { COUNT, PACKET_SIZE, PLACE, verdictPacket, visited } from "./verdict-program.ts";

/** Where `struct xdp_md` and the packet lie. The packet's addresses have 32 bits, as in the structure. */
const CONTEXT = 0x1234_5678_0000n;
const PACKET = 0x2000_0000n;

export interface Interpreted {
  /** What becomes of a packet for which program `p<k>` returns `codes[k]`. */
  readonly run: (codes: readonly number[]) => Outcome;
  /** What was counted since, by the programs' names; undefined where nothing is counted. */
  readonly counts: () => ReadonlyMap<string, Counts> | undefined;
}

export function interpreted(image: DispatcherImage): Interpreted {
  const numberOf = (program: string): number => Number(program.slice(1));
  const counters = counterMemory(image);
  const counts: Interpreted["counts"] = () => counters?.counts();
  const [first] = image.slots;
  // The extension is the whole dispatcher.
  if (image.slots.length === 1 && first!.symbol === image.main && first!.linkage === "freplace") {
    return { run: (codes) => ({ path: [first!.program], verdict: codes[numberOf(first!.program)]! }), counts };
  }
  const code = dispatcherCode(image.elf);
  const programs = new Map(image.slots.map(({ symbol, program }) => [symbol, numberOf(program)]));
  const runOnce: Interpreted["run"] = (codes) => {
    const packet = verdictPacket(codes);
    const calls =
      (symbol: string) =>
      (args: readonly bigint[]): bigint => {
        if (args[0] !== CONTEXT) throw new Error(`${symbol} is called with ${args[0]} as its context`);
        const program = programs.get(symbol)!;
        packet[COUNT]!++;
        packet[PLACE + program] = packet[COUNT]!;
        // The upper half of R0 is the program's own affair.
        return BigInt(codes[program]!) | 0xdead_0000_0000n;
      };
    const { memory = [], ...options } = counters?.options ?? {};
    const { code: verdict } = run(code, {
      ...options,
      args: [CONTEXT],
      calls,
      memory: [...memory, context(), { base: PACKET, bytes: packet }],
    });
    return { path: visited(packet).map((program) => `p${program}`), verdict };
  };
  return { run: runOnce, counts };
}

function context(): Region {
  const fields = Uint32Array.of(Number(PACKET), Number(PACKET) + PACKET_SIZE, 0, 0, 0, 0);
  return { base: CONTEXT, bytes: new Uint8Array(fields.buffer) };
}
