/**
 * A sender of frames in a process of its own, on one processor, so that what sending costs is what this process costs.
 *
 *     parent: { milliseconds }                                send for so long
 *     child:  { sent, wall, processor }                       frames; nanoseconds that passed; nanoseconds on a processor
 */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { setGlobals } from "../../src/codegen/object/globals.ts";
import { loadXdp, openKernel } from "../../src/loader/index.ts";
import { compiled } from "../contest/compiled.ts";
import { peer } from "../contest/sources.ts";
import { PRIORITY } from "./wire.ts";

export type Frames = "minimum" | "mix";

/** Bytes of the largest, without the frame check sequence. */
const SIZE: Readonly<Record<Frames, number>> = { minimum: 60, mix: 1514 };

export const senderObject = (): Uint8Array => compiled(peer("sender"));

export interface Sent {
  readonly sent: number;
  readonly wall: number;
  readonly processor: number;
}

export interface Sender extends Disposable {
  send(milliseconds: number): Promise<Sent>;
}

/** @param processor on which all of it runs */
export async function startSender(device: string, frames: Frames, processor: number): Promise<Sender> {
  const first = ["-n", `${PRIORITY}`, "taskset", "-c", `${processor}`];
  const words = [...first, process.execPath, fileURLToPath(import.meta.url), device, frames];
  const child = spawn("nice", words, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  await answer(child);
  return {
    async send(milliseconds) {
      child.send({ milliseconds });
      return (await answer(child)) as Sent;
    },
    [Symbol.dispose]: () => void child.kill(),
  };
}

function answer(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (status: number | null): void => reject(new Error(`the sender ended with ${status}`));
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      resolve(message);
    });
  });
}

/** Of a first call, which tells what a frame costs. */
const AT_FIRST = 64 * 256;

/**
 * Milliseconds of a call. Each begins and ends with tens of them in which the kernel makes and frees its pages and waits for a grace
 * period (net/core/page_pool.c), and sends nothing; and a sender is to stop when it is told to.
 */
const CALL = 1000;

function beSender(device: string, frames: Frames): void {
  const kernel = openKernel();
  const globals = { ifindex: kernel.interfaceIndex(device), mixed: frames === "mix" ? 1 : 0 };
  const program = loadXdp(setGlobals(senderObject(), globals));
  const sent = (): number => Number(Buffer.from(program.map("sent").lookup(new Uint8Array(4))).readBigUInt64LE(0));
  const data = new Uint8Array(SIZE[frames]);
  // An EtherType for local experiments (IEEE 802): no stack answers.
  data.set([0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5]);
  /** Milliseconds of a frame, as the last call had it. */
  let each: number | undefined;
  process.on("message", ({ milliseconds }: { milliseconds: number }) => {
    void (async () => {
      const run = async (repeat: number): Promise<number> => {
        const begun = process.cpuUsage();
        await kernel.testRun(program.fd, { data, repeat, liveFrames: true, batchSize: 64 });
        const { user, system } = process.cpuUsage(begun);
        return (user + system) / 1000 / repeat;
      };
      const [before, cpu, start] = [sent(), process.cpuUsage(), performance.now()];
      // What is left in the end is not worth another call.
      for (let left = milliseconds; left > milliseconds / 10; left = milliseconds - (performance.now() - start))
        each = await run(each === undefined ? AT_FIRST : 64 * Math.ceil(Math.min(left, CALL) / each / 64));
      const { user, system } = process.cpuUsage(cpu);
      const wall = (performance.now() - start) * 1e6;
      process.send!({ sent: sent() - before, wall, processor: 1000 * (user + system) } satisfies Sent);
    })();
  });
  process.send!("ready");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) beSender(process.argv[2]!, process.argv[3] as Frames);
