/** A veth pair in this network namespace, for tests: what leaves `near` arrives at the XDP hook of `far`. Needs root. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";

export interface Veth extends Disposable {
  readonly near: string;
  readonly far: string;
}

/**
 * Both ends up, without IPv6 and so without frames of their own.
 * @param prefix at most 13 characters: names are at most 15 (IFNAMSIZ)
 * @param queues each queue takes frames from one sending CPU without loss
 */
export function veth(prefix: string, queues = 1): Veth {
  const [near, far] = [`${prefix}-0`, `${prefix}-1`];
  const count = ["numtxqueues", `${queues}`, "numrxqueues", `${queues}`];
  ip("link", "add", near, ...count, "type", "veth", "peer", "name", far, ...count);
  for (const end of [near, far]) {
    writeFileSync(`/proc/sys/net/ipv6/conf/${end}/disable_ipv6`, "1");
    ip("link", "set", end, "up");
  }
  let there = true;
  return {
    near,
    far,
    [Symbol.dispose]: () => {
      if (there) ip("link", "del", near);
      there = false;
    },
  };
}

/** Frames that an end of a veth pair could not send because the ring of the other end was full. */
export function droppedBy(interfaceName: string): number {
  return JSON.parse(ip("-j", "-s", "link", "show", interfaceName))[0].stats64.tx.dropped as number;
}

function ip(...args: readonly string[]): string {
  return execFileSync("ip", args, { encoding: "utf8" });
}
