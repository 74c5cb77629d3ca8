/** What a test of the command line works on: a folder for chains and objects, and all of the kernel's state that it may touch. */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, type TestContext } from "vitest";
import type { Linkage } from "../../../src/chain/index.ts";
import { openKernel } from "../../../src/loader/index.ts";
import { requireBpffs } from "../../../src/loader/machine/bpffs.ts";
import { networkNamespace } from "../../../src/loader/machine/interface.ts";
import { sampleProgram, testProgram } from "../../support/chains.ts";
import { verdictObject } from "../../support/verdict-program.ts";
import { type Veth, veth } from "../../support/veth.ts";

/** In the virtual machine every instruction is emulated, and this folder's tests must leave time to the others. */
export const EMULATED = process.env["XDPGEN_VM"] !== undefined;

/** `npm test` leaves out what `npm run test:kernels` runs. */
export const SHORT = process.env["XDPGEN_TEST_SHORT"] !== undefined;

/** Leaves a test that takes long there out of the guests of `npm test`. */
export function skipInShort(context: TestContext, reason: string): void {
  context.skip(SHORT && EMULATED, `${reason}; npm run test:kernels runs it here too`);
}

/** The same for what no linkage and no kernel makes a difference to. Where this machine's own kernel takes no programs, no run is short. */
export const leftToHost = (context: TestContext): void =>
  skipInShort(context, "every kernel answers alike; a run on this machine's own kernel has it");

/** Leaves `inline` out of `npm test` where the loader does with it what it does with `call`: one object that holds all programs. */
export const skipInline = (context: TestContext, linkage: Linkage): void =>
  context.skip(SHORT && linkage === "inline", "it is to the loader what call is; npm run test:kernels runs it");

/** Milliseconds after which a test of many steps hangs. What is only slow, under load and in emulation, is not to fail. */
export const LONG = EMULATED ? 1_800_000 : 120_000;

/** Leaves a test to the host: in an emulated guest it is skipped, and the report says why. */
export function hostOnly(reason: string, body: () => unknown): (context: TestContext) => Promise<void> {
  return async (context) => {
    context.skip(EMULATED, reason);
    await body();
  };
}

export const BPFFS = "/sys/fs/bpf";

export interface Folder extends Disposable {
  readonly path: string;
  /** Writes a file and returns its path. */
  write(name: string, data: string | Uint8Array): string;
  /** Copies a program of bpf/ or test/bpf, compiled; returns its name, which a chain beside it can say. */
  object(name: string): string;
}

/** @param name appears in its path */
export function folder(name = "xdpgen-cli-"): Folder {
  const path = mkdtempSync(join(tmpdir(), name));
  return {
    path,
    write(file, data) {
      writeFileSync(join(path, file), data);
      return join(path, file);
    },
    object(wanted) {
      const compiled = [sampleProgram, testProgram].flatMap((find) => {
        try {
          return [find(wanted).object];
        } catch {
          return [];
        }
      })[0];
      if (compiled === undefined) throw new Error(`${wanted}.bpf.o is not compiled: npm run build:bpf`);
      copyFileSync(compiled, join(path, basename(compiled)));
      return basename(compiled);
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

/** A chain.yaml over programs that return what the packet says; their objects are written beside it. */
export function numberedChain(at: Folder, name: string, programs: readonly number[], head = ""): string {
  for (const k of programs) at.write(`v${k}.bpf.o`, verdictObject(k));
  const list = programs.map((k) => `  - { name: p${k}, object: v${k}.bpf.o, priority: ${k} }\n`);
  return at.write(`${name}.yaml`, `chain: xe\n${head}programs:\n${list.join("")}`);
}

export interface Snapshot {
  /** What `ip` says of the test's interfaces. */
  readonly interfaces: readonly unknown[];
  /** All pins and folders but those of attachments on interfaces of others. */
  readonly pins: readonly string[];
  /** BPF objects that this process holds, by their kind. */
  readonly fds: readonly string[];
  /** XDP programs, their extensions, and links, that could be the test's. */
  readonly loaded: readonly string[];
}

interface Shown {
  readonly id: number;
  readonly type: string;
  readonly name?: string;
}

/** Somebody else may load programs on this machine meanwhile; dispatchers of other chains than `xe` are not counted. */
function loaded(): readonly string[] {
  const show = (what: string): readonly Shown[] =>
    JSON.parse(execFileSync("bpftool", ["-j", what, "show"], { encoding: "utf8", maxBuffer: 1 << 26 }) || "[]");
  const programs = show("prog").filter(
    ({ type, name = "" }) => /^(xdp|ext)$/.test(type) && !/^xdpgen_(?!xe)/.test(name),
  );
  return programs.map(({ id, name }) => `program ${id} ${name ?? ""}`);
}

/** Folders and pins below a path; folders end with a slash. */
export function tree(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .flatMap((entry) => {
      const inner = `${path}/${entry.name}`;
      return entry.isDirectory() ? [`${inner}/`, ...tree(inner)] : [inner];
    })
    .toSorted();
}

/** The folder of an interface's attachment. */
export function attachmentFolder(ifindex: number): string {
  return `${BPFFS}/xdpgen/${networkNamespace()}-${ifindex}`;
}

/** Programs, maps, links and BTF of which this process has an fd. */
export function bpfFds(): readonly string[] {
  return readdirSync("/proc/self/fd")
    .flatMap((fd) => {
      try {
        return /^anon_inode:\[?(bpf.*|btf)\]?$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? [];
      } catch {
        return []; // the fd with which the folder was read
      }
    })
    .toSorted();
}

interface ShownInterface {
  readonly ifindex: number;
  readonly ifname: string;
  readonly mtu: number;
  readonly xdp?: unknown;
}

/** @param prefix of the names of the test's interfaces; others on the machine may come and go meanwhile */
export function snapshot(prefix = "xe"): Snapshot {
  const all = JSON.parse(execFileSync("ip", ["-j", "-d", "link", "show"], { encoding: "utf8" })) as ShownInterface[];
  const ours = all.filter(({ ifname }) => ifname.startsWith(prefix));
  const mine = ours.map(({ ifindex }) => `${attachmentFolder(ifindex)}/`);
  const pins = tree(BPFFS).filter(
    (path) => !/xdpgen\/(\d+-\d+\/.*)?$/.test(path) || mine.some((attachment) => path.startsWith(attachment)),
  );
  const interfaces = ours.map(({ ifindex, ifname, mtu, xdp }) => ({ ifindex, ifname, mtu, xdp }));
  return { interfaces, pins, fds: bpfFds(), loaded: loaded() };
}

export interface World {
  /** `xe-0` and `xe-1`; chains are put on the far end. */
  readonly pair: Veth;
  readonly here: Folder;
  /** How all was when these two had been made. */
  readonly before: Snapshot;
}

/**
 * What a test begins with, bpffs mounted. The pair and the folder are its own to dispose of.
 * @param queues of each end of the pair
 */
export function freshWorld(queues = 1): World {
  requireBpffs(openKernel(), () => {});
  return { pair: veth("xe", queues), here: folder(), before: snapshot() };
}

/** How long the kernel may take to free what nobody holds any more, in milliseconds. */
const FREED_WITHIN = EMULATED ? 60_000 : 5000;

/**
 * Nothing was changed since: interfaces, pins and fds are the same, and what was loaded in between is gone again. The
 * kernel frees a little later than the last fd is closed, so it is given time; what a pin or an attachment holds would stay.
 */
export async function expectUnchanged(before: Snapshot, prefix = "xe"): Promise<void> {
  const deadline = performance.now() + FREED_WITHIN;
  const known = new Set(before.loaded);
  for (;;) {
    const now = snapshot(prefix);
    const added = now.loaded.filter((program) => !known.has(program));
    const { interfaces, pins, fds } = before;
    expect({ interfaces: now.interfaces, pins: now.pins, fds: now.fds }).toEqual({ interfaces, pins, fds });
    if (added.length === 0) return;
    if (performance.now() > deadline) expect(added, "still loaded").toEqual([]);
    await setTimeout(50);
  }
}
