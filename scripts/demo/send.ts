/**
 * What the neighbour sends beside pings, in a process of its own in the neighbour's namespace:
 *
 *     send datagrams FROM TO PORT COUNT   UDP datagrams through its kernel's stack
 *     send tagged VLAN FROM TO PORT COUNT the same as ready-made frames with an 802.1Q tag
 *     send frames COUNT                   frames as fast as they go
 *
 * Answers with one JSON value on standard output, for the process that runs the demo.
 */
import { createSocket } from "node:dgram";
import { setTimeout } from "node:timers/promises";

import { openKernel } from "../../src/loader/index.ts";
import { ethernet, frame, ipv4, payload, udp, vlan } from "../../test/support/frames.ts";
import { traffic } from "../../test/support/traffic.ts";
import { MACS } from "./stage.ts";

const MACHINE = { src: MACS.peer0, dst: MACS.edge0 };

export async function send([what = "", ...words]: readonly string[]): Promise<void> {
  const answer = await sendWhat(what, words);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function sendWhat(what: string, words: readonly string[]): Promise<object> {
  switch (what) {
    case "datagrams": {
      const [from = "", to = "", port, count] = words;
      return datagrams(from, to, Number(port), Number(count));
    }
    case "tagged": {
      const [id, from = "", to = "", port, count] = words;
      const layers = [ipv4({ src: from, dst: to }), udp({ dst: Number(port) }), payload("behind a tag")] as const;
      return frames(frame(ethernet(MACHINE), vlan({ id: Number(id) }), ...layers), Number(count), 1);
    }
    case "frames":
      return frames(frame(ethernet(MACHINE), payload(46)), Number(words[0]), Number(words[0]));
    default:
      throw new Error(`send: ${what}?`);
  }
}

/** One behind the other without a pause; `seconds` is how long that took. */
async function datagrams(from: string, to: string, port: number, count: number): Promise<object> {
  const socket = createSocket(from.includes(":") ? "udp6" : "udp4");
  await new Promise<void>((resolve) => socket.bind(0, from, resolve));
  const started = performance.now();
  for (let n = 0; n < count; n++) {
    await new Promise<void>((resolve, reject) => {
      socket.send(`datagram ${n}`, port, to, (error) => (error ? reject(error) : resolve()));
    });
  }
  const seconds = (performance.now() - started) / 1000;
  socket.close();
  return { sent: count, seconds };
}

/** @param atOnce how many of them share their memory; 1 for receivers that write into a frame */
async function frames(data: Uint8Array, count: number, atOnce: number): Promise<object> {
  using source = traffic(openKernel(), "peer0");
  const started = performance.now();
  for (let sent = 0; sent < count; sent += atOnce) await source.send(data, Math.min(atOnce, count - sent));
  const seconds = (performance.now() - started) / 1000;
  // The last frame may still be on its way.
  await setTimeout(50);
  return { sent: source.sent(), seconds };
}
