/**
 * Machines that lack something: privilege, libbpf, a bpffs. Each command runs as a process of its own, in a mount namespace
 * or with rights that make the machine so; the rest of it stays as it is.
 */
import { execFileSync, spawn as start } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadXdp, openKernel } from "../../../src/loader/index.ts";
import { requireBpffs } from "../../../src/loader/machine/bpffs.ts";
import { wordsToStart } from "../../support/processes.ts";
import { verdictObject } from "../../support/verdict-program.ts";
import { type Veth, veth } from "../../support/veth.ts";
import { expectRefusal, json, run, spawn, spawnAll } from "./command.ts";
import { expectUnchanged, type Folder, folder, hostOnly, numberedChain, skipInShort, snapshot } from "./world.ts";

/** Uid of `nobody`, and nothing of root's. */
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** The dynamic linker finds an empty file where libbpf was. */
const NO_LIBBPF = [
  "unshare",
  "-m",
  "sh",
  "-ec",
  'for lib in $(ldconfig -p | sed -n "s/.*libbpf[.]so[.]1.* => //p"); do mount --bind /dev/null "$(readlink -f "$lib")"; done; exec "$@"',
  "sh",
];

/** Whatever is mounted there, one over the other. */
const UNMOUNT = "while umount -l /sys/fs/bpf 2> /dev/null; do :; done";

/** A container: process ids and mounts of its own, so that no bpffs of a process around it can be found. */
const NO_BPFFS = ["unshare", "-m", "-p", "-f", "--mount-proc", "sh", "-ec", `${UNMOUNT}; "$@"`, "sh"];

/** In such a container, a process in a mount namespace that ends with it. */
const NO_LASTING_BPFFS = [...NO_BPFFS, "unshare", "-m"];

const MOUNTS = "a matter of mounts, on every kernel alike, and each process takes seconds to start in emulation";
const NO_KERNEL = "no kernel is asked, and each process takes seconds to start in emulation";

let pair: Veth;
let here: Folder;
let chain: string;
let before: ReturnType<typeof snapshot>;
beforeAll(async () => {
  requireBpffs(openKernel(), () => {});
  pair = veth("xe");
  here = folder();
  chmodSync(here.path, 0o755);
  chain = numberedChain(here, "chain", [1, 2]);
  expect(await run(["apply", chain, "--dev", pair.far])).toMatchObject({ status: 0 });
  before = snapshot();
});
afterAll(async () => {
  await run(["detach", pair.far]);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

const LIVE = (): readonly (readonly string[])[] => [
  ["apply", numberedChain(here, "other", [2, 3]), "--dev", pair.far],
  ["status"],
  ["detach", pair.far],
];

it("not root: each command says which privilege it needs", async (context) => {
  skipInShort(
    context,
    "each command is a process, and seconds in emulation; the user and its capabilities are the host's",
  );
  const [doctor, ...refused] = spawnAll([["doctor"], ...LIVE()], NOBODY);
  for (const ended of refused) {
    expectRefusal(ended, 1, "CAP_NET_ADMIN and CAP_SYS_ADMIN", "user 65534 has not", "run it as root (sudo)");
    expect(ended.out).toBe("");
  }
  expect(doctor).toMatchObject({ status: 1, err: "" });
  expect(doctor!.out).toMatch(/✗ capabilities +none[\s\S]*cannot run a chain as it is: see capabilities/);
  await expectUnchanged(before);
});

it(
  "not root, and no right to read an object or write the result: build names the file",
  hostOnly(NO_KERNEL, () => {
    const mine = numberedChain(here, "mine", [6]);
    const secret = numberedChain(here, "secret", [7]);
    chmodSync(`${here.path}/v7.bpf.o`, 0o600);
    const commands = [
      ["build", mine, "-o", "-"],
      ["build", secret, "-o", "-"],
      ["build", mine, "-o", `${here.path}/out.o`],
    ];
    const [fine, unreadable, unwritable] = spawnAll(commands, NOBODY);
    expect(fine).toMatchObject({ status: 0, err: "" });
    expectRefusal(unreadable!, 2, "v7.bpf.o may not be read by user 65534");
    expectRefusal(unwritable!, 2, `cannot write ${here.path}/out.o`, "EACCES", "--output");
  }),
);

it(
  "libbpf missing: says how to install it, and build goes on without",
  hostOnly(NO_KERNEL, async () => {
    const build = ["build", chain, "-o", `${here.path}/without.o`];
    const [built, doctor, ...refused] = spawnAll([build, ["doctor", "--json"], ...LIVE()], NO_LIBBPF);
    for (const ended of refused) {
      expectRefusal(ended, 1, "cannot load libbpf.so.1", "apt install libbpf1", "dnf install libbpf");
    }
    expect(built).toMatchObject({ status: 0, err: "" });
    expect(existsSync(`${here.path}/without.o`)).toBe(true);
    expect(doctor).toMatchObject({ status: 1, err: "" });
    const { entries } = JSON.parse(doctor!.out) as { entries: readonly { name: string; state: string }[] };
    expect(entries.find(({ name }) => name === "libbpf")).toMatchObject({ state: "missing" });
    await expectUnchanged(before);
  }),
);

it(
  "no bpffs: apply mounts it and says so; others neither need nor mount it",
  hostOnly(MOUNTS, async () => {
    const free = pair.near;
    const idle = [
      ["rollback", free],
      ["detach", free],
    ];
    const apply = ["apply", chain, "--dev", free];
    const [none, doctor, back, nothing, created, again, detached] = spawnAll(
      [["status"], ["doctor"], ...idle, apply, apply, ["detach", free]],
      NO_BPFFS,
    );
    expectRefusal(back!, 1, `xdpgen has nothing on ${free}`);
    expect(nothing).toMatchObject({ status: 0, out: `xdpgen has nothing on ${free}: nothing was changed\n`, err: "" });
    // The chain on the other end has its pins outside, where this container cannot look.
    expect(none).toMatchObject({ status: 0, err: "" });
    expect(none!.out).toMatch(new RegExp(`^${pair.far}: chain xe, [^]*its pins are out of reach, in another bpffs`));
    expect(doctor!.out).toMatch(
      /! bpffs +not mounted\n.*`xdpgen apply` mounts it.*\n.*mount -t bpf bpf \/sys\/fs\/bpf/,
    );
    expect(created).toMatchObject({
      status: 0,
      out: expect.stringMatching(/attached chain xe, generation 1/) as string,
    });
    expect(created!.err).toMatch(/^mounted bpffs at \/sys\/fs\/bpf$/m);
    expect(again!.out).toContain("nothing to change");
    expect(again!.err).not.toContain("mounted");
    expect(detached).toMatchObject({ status: 0, out: `detached the chain from ${free}\n` });
    await expectUnchanged(before);
  }),
);

it(
  "bpffs mounted read-only: who would change it says so, and others go on",
  hostOnly(MOUNTS, async () => {
    // The mount of this namespace alone: the file system is everybody's.
    const readOnly = ["unshare", "-m", "sh", "-ec", 'mount -o remount,bind,ro /sys/fs/bpf; exec "$@"', "sh"];
    const changes = [
      ["apply", chain, "--dev", pair.near],
      ["apply", chain, "--dev", pair.far],
      ["detach", pair.far],
      ["rollback", pair.far],
    ];
    const reads = [
      ["status", pair.far],
      ["plan", chain, "--dev", pair.far],
      ["plan", chain, "--dev", pair.near],
    ];
    const [doctor, ...ended] = spawnAll([["doctor"], ...changes, ...reads], readOnly);
    for (const refused of ended.slice(0, changes.length)) {
      expectRefusal(refused, 1, "/sys/fs/bpf", "is mounted read-only", "`mount -o remount,rw /sys/fs/bpf`");
    }
    for (const read of ended.slice(changes.length)) expect(read).toMatchObject({ status: 0 });
    expect(doctor!.out).toMatch(/✗ bpffs +\/sys\/fs\/bpf, read-only/);
    await expectUnchanged(before);
  }),
);

it(
  "no bpffs, and one mounted here would not last: refuses and says where to mount it",
  hostOnly(MOUNTS, async () => {
    const ended = spawn(["apply", chain, "--dev", pair.near], NO_LASTING_BPFFS);
    expectRefusal(ended, 1, "bpffs is not mounted at /sys/fs/bpf", "would end with it", "mount -t bpf bpf /sys/fs/bpf");
    await expectUnchanged(before);
  }),
);

it(
  "in a mount namespace without bpffs the chain is pinned in the bpffs outside",
  hostOnly(MOUNTS, async () => {
    const own = ["unshare", "-m", "sh", "-ec", `${UNMOUNT}; exec "$@"`, "sh"];
    const [ended, status] = spawnAll([["apply", chain, "--dev", pair.near, "--json"], ["status"]], own);
    expect(json(ended!)).toMatchObject({ applied: [{ interface: pair.near, outcome: "created" }] });
    expect(status!.out).toContain(`${pair.near}: chain xe, generation 1`);
    expect(json(await run(["status", pair.near, "--json"]))).toMatchObject([{ generation: 1, defunct: false }]);
    expect((await run(["detach", pair.near])).out).toBe(`detached the chain from ${pair.near}\n`);
    await expectUnchanged(before);
  }),
);

it(
  "in a mount namespace without bpffs a program is found by its pin outside",
  hostOnly(MOUNTS, async () => {
    const pin = "/sys/fs/bpf/xe-pinned";
    {
      using plain = loadXdp(verdictObject(1));
      openKernel().pin(plain.fd, pin);
    }
    try {
      const pinned = here.write("pinned.yaml", `chain: xe\nprograms:\n  - { name: p1, pinned: ${pin} }\n`);
      const own = ["unshare", "-m", "sh", "-ec", `${UNMOUNT}; exec "$@"`, "sh"];
      const [applied] = spawnAll([["apply", pinned, "--dev", pair.near, "--json"]], own);
      expect(json(applied!)).toMatchObject({ applied: [{ interface: pair.near, outcome: "created" }] });
      await run(["detach", pair.near]);
    } finally {
      unlinkSync(pin);
    }
    await expectUnchanged(before);
  }),
);

it(
  "in a mount namespace without bpffs a program is followed by its pin outside",
  hostOnly(MOUNTS, async () => {
    const pin = "/sys/fs/bpf/xe-pinned";
    const repin = (k: number): void => {
      using plain = loadXdp(verdictObject(k));
      if (existsSync(pin)) unlinkSync(pin);
      openKernel().pin(plain.fd, pin);
    };
    repin(1);
    const pinned = here.write("pinned.yaml", `chain: xe\nprograms:\n  - { name: p1, pinned: ${pin} }\n`);
    const follow = [...wordsToStart(new URL("follower-child.ts", import.meta.url)), pinned];
    const words = ["-m", "sh", "-ec", `${UNMOUNT}; exec "$@"`, "sh", ...follow];
    const child = start("unshare", words, { stdio: ["ignore", "pipe", "inherit"], timeout: 20_000 });
    try {
      let out = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        out += text;
        if (text.startsWith("1 ")) repin(2);
      });
      await once(child, "close");
      expect(out).toBe("1 xe\n2 xe\n");
    } finally {
      unlinkSync(pin);
    }
    await expectUnchanged(before);
  }),
);

it(
  "a handle finds the bpffs outside when the ancestor that led to it has ended",
  hostOnly(MOUNTS, async () => {
    const said = `${here.path}/said.json`;
    // Process 1 of its own, under which orphans come; and below it the ancestor, which is killed.
    const inside = `unshare -m sh -ec '${UNMOUNT}; exec "$@"' sh "$@"; true`;
    const outside = `sh -c "$0" sh "$@"; until [ -s ${said} ]; do sleep 0.1; done`;
    const child = [...wordsToStart(new URL("orphan-child.ts", import.meta.url)), chain, pair.near, said];
    execFileSync("unshare", ["-p", "-f", "--mount-proc", "sh", "-c", outside, inside, ...child], { timeout: 30_000 });
    expect(JSON.parse(readFileSync(said, "utf8"))).toEqual({ generations: [1, 2], detached: true });
    await expectUnchanged(before);
  }),
);

it(
  "the words of a command arrive whole, spaces and all",
  hostOnly(NO_KERNEL, () => {
    using odd = folder("xdpgen cli ✓ 'é\" ");
    const path = numberedChain(odd, "chaîne du réseau", [1]);
    const ended = spawn(["build", path, "-o", `${odd.path}/out ✓/`, "--emit", "o,json"]);
    expect(ended).toMatchObject({ status: 0, err: "" });
    const lines = ["xe.bpf.o", "xe.json"].map((name) => {
      const file = `${odd.path}/out ✓/${name}`;
      return `${file}: ${statSync(file).size} bytes\n`;
    });
    const [figures] = ended.out.split("\n").slice(lines.length);
    expect(figures).toContain("instructions");
    expect(ended.out).toBe(`${lines.join("")}${figures}\n`);
  }),
);
