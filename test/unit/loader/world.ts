/** A machine for tests of the swap: a fake kernel, a folder in place of bpffs, chains of generated objects. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Chain, Linkage, Program } from "../../../src/chain/chain.ts";
import type { Kernel } from "../../../src/loader/machine/kernel.ts";
import type { Machine } from "../../../src/loader/machine/machine.ts";
import type { Namespaces } from "../../../src/loader/machine/namespaces.ts";
import type { SwapListener } from "../../../src/loader/swap/events.ts";
import { compile } from "../../support/objects.ts";
import { watched } from "../../support/watched-kernel.ts";
import { FakeKernel, type FakeOptions, failure } from "./fake-kernel.ts";

export interface World extends Disposable {
  readonly kernel: FakeKernel;
  readonly root: string;
  machine(kernel?: Kernel): Machine;
  /** Everything pinned, by path below the root. */
  pins(): readonly string[];
  /** All that a failed swap must leave as it was. */
  snapshot(): unknown;
}

export function world(options: FakeOptions = {}): World {
  const base = mkdtempSync(join(tmpdir(), "xdpgen-loader-"));
  const root = join(base, "xdpgen");
  const kernel = new FakeKernel(options);
  const walk = (path: string): string[] => {
    try {
      return readdirSync(path, { withFileTypes: true }).flatMap((e) =>
        e.isDirectory() ? walk(`${path}/${e.name}`) : [`${path}/${e.name}`],
      );
    } catch {
      return [];
    }
  };
  const files = (): string[] => walk(root).toSorted();
  const seen: Namespaces = { byInode: new Map(), complete: true };
  return {
    kernel,
    root,
    machine: (other = kernel) => ({ kernel: other, root, netns: 42, namespaces: () => seen }),
    pins: () => files().map((path) => path.slice(root.length + 1)),
    snapshot: () => ({
      pins: files().map((path) => [path, readFileSync(path, "utf8")]),
      running: [...kernel.interfaces.values()].map((ifindex) => kernel.running(ifindex)),
      slots: [...kernel.interfaces.values()].map((ifindex) => kernel.boundSlots(kernel.running(ifindex))),
      fds: kernel.openFds,
    }),
    [Symbol.dispose]: () => rmSync(base, { recursive: true }),
  };
}

/** The sentences that a swap tells. */
export function notices(): { readonly lines: string[]; readonly events: SwapListener } {
  const lines: string[] = [];
  return { lines, events: (event) => void (event.kind === "notice" && lines.push(event.message)) };
}

/** It keeps no generation beside the live one: what is pinned is what is live. */
export function chain(linkage: Linkage | "auto", ...programs: readonly Program[]): Chain {
  return { name: "test", interfaces: [], mode: "auto", linkage, end: "verdict", history: 0, programs };
}

const compiled = new Map<number, Uint8Array>();

/** A program with one map. Line info holds the path of a temporary file, so each version is compiled once. */
export function withMap(version: number): Uint8Array {
  const object =
    compiled.get(version) ??
    compile(`
    #define SEC(name) __attribute__((section(name), used))
    struct xdp_md { unsigned int data, data_end; };
    struct { int (*type)[1]; unsigned int *key; unsigned long long *value; int (*max_entries)[16]; } seen SEC(".maps");
    static void *(*lookup)(void *map, const void *key) = (void *)1;
    SEC("xdp") int counted(struct xdp_md *ctx) { unsigned int key = ${version}; return lookup(&seen, &key) ? 1 : 2; }
    char _license[] SEC("license") = "GPL";
  `);
  compiled.set(version, object);
  return object;
}

/**
 * Does something in one world after the other, each call of the kernel failing in turn: all is as before where it fails.
 *
 * @param prepare the world; what it returns, `then` is given
 * @param then what must be true besides where it failed
 * @returns how often it failed
 */
export async function eachFailing<T>(
  prepare: (w: World) => Promise<T>,
  act: (w: World, kernel: Kernel) => Promise<unknown>,
  then: (w: World, prepared: T) => void,
): Promise<number> {
  const calls: string[] = [];
  let failures = 0;
  for (let at = 0; at === 0 || at <= calls.length; at++) {
    using w = world();
    const prepared = await prepare(w);
    const before = w.snapshot();
    const kernel = watched(w.kernel, (count, call) => {
      if (at === 0) calls[count - 1] = call;
      else if (count === at) throw failure(call, "EINVAL");
    });
    const failed = await act(w, kernel).then(
      () => false,
      () => true,
    );
    if (!failed) continue;
    failures++;
    expect(w.snapshot(), `call ${at}, ${calls[at - 1]}`).toEqual(before);
    then(w, prepared);
  }
  return failures;
}
