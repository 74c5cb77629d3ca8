import { createServer } from "node:net";
import type { Server } from "node:net";

/** A Unix socket that QEMU connects one virtio port to. Bytes are handed on as they come. */
export type Channel = {
  readonly path: string;
  /** Settles when QEMU has closed its end, hence after the last byte. */
  readonly ended: Promise<void>;
  readonly close: () => void;
};

/** Listens on `path` for the one connection of a port; `receive` gets what the guest writes. */
export async function openChannel(path: string, receive: (chunk: Buffer) => void): Promise<Channel> {
  let finish: () => void;
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const server: Server = createServer((socket) => {
    server.close();
    socket.on("data", receive);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => finish());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return { path, ended, close: () => (server.close(), finish()) };
}
