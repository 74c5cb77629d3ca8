/**
 * The neighbour: a process that is at the other end of the cable. Its network namespace lives as long as it does, and it
 * ends with the demo. It runs a chain of its own, and sends what the demo asks for, over the channel that Node gives a
 * child: a request in, one answer out.
 */
import { createSocket } from "node:dgram";
import { setTimeout } from "node:timers/promises";
import { attach, loadChain } from "../../src/index.ts";
import { openKernel } from "../../src/loader/index.ts";
import { ethernet, frame, ipv4, payload, udp, vlan } from "../../src/packets/index.ts";
import { traffic } from "../../test/support/traffic.ts";
import { type Answer, MACS, type Numbered, READY, type Request, type Sent } from "./requests.ts";

/** Serves until the demo ends. */
export function neighbour(): void {
  const answer = (value: Answer): void => void process.send?.(value);
  process.on("disconnect", () => process.exit(0));
  process.on("message", ({ id, request }: Numbered) => {
    serve(request).then(
      (done) => answer({ id, done }),
      (error: unknown) => answer({ id, failed: error instanceof Error ? error.message : String(error) }),
    );
  });
  answer({ id: READY, done: { sent: 0, seconds: 0 } });
}

let live: { detach(): Promise<unknown> } | undefined;

async function serve(request: Request): Promise<Sent> {
  const started = performance.now();
  const done = (sent: number): Sent => ({ sent, seconds: (performance.now() - started) / 1000 });
  const machine = { src: MACS.peer0, dst: MACS.edge0 };
  switch (request.kind) {
    case "apply":
      live = await attach(await loadChain(request.chain), "peer0");
      return done(0);
    case "detach":
      await live?.detach();
      live = undefined;
      return done(0);
    case "datagrams":
      return done(await datagrams(request));
    case "tagged": {
      const layers = [ipv4({ src: request.from, dst: request.to }), udp({ dst: request.port })] as const;
      const data = frame(ethernet(machine), vlan({ id: request.id }), ...layers, payload("behind a tag"));
      // One at a time: frames that are sent at once share their memory, and vlan-pop writes into it.
      return done(await frames(data, request.count, 1));
    }
    case "frames":
      return done(await frames(frame(ethernet(machine), payload(46)), request.count, request.count));
  }
}

async function datagrams(wanted: Extract<Request, { kind: "datagrams" }>): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, wanted.from, resolve));
  for (let n = 0; n < wanted.count; n++) {
    await new Promise<void>((resolve, reject) => {
      socket.send(`datagram ${n}`, wanted.port, wanted.to, (error) => (error ? reject(error) : resolve()));
    });
  }
  socket.close();
  return wanted.count;
}

async function frames(data: Uint8Array, count: number, atOnce: number): Promise<number> {
  using source = traffic(openKernel(), "peer0");
  for (let sent = 0; sent < count; sent += atOnce) await source.send(data, Math.min(atOnce, count - sent));
  // The last frame may still be on its way.
  await setTimeout(50);
  return source.sent();
}
