/** Which network namespaces are seen, and what is cleared of an attachment whose namespace is or is not. */
import { mkdirSync, rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { attach, attachAll, open } from "../../../src/loader/attachment.ts";
import { networkNamespace } from "../../../src/loader/machine/interface.ts";
import {
  mountedNamespaces,
  type Namespaces,
  type NetworkNamespace,
  networkNamespaces,
} from "../../../src/loader/machine/namespaces.ts";
import { CHANGED, untilSettled } from "../../../src/loader/machine/settle.ts";
import { status } from "../../../src/loader/report/status.ts";
import { clearDefunct } from "../../../src/loader/swap/detach.ts";
import { numbered } from "../../support/verdict-program.ts";
import { failure } from "./fake-kernel.ts";
import { chain, world } from "./world.ts";

it("finds mounts of network namespaces among all others, with blanks in their paths", () => {
  const mountinfo = [
    "24 30 0:22 / /proc rw,nosuid shared:13 - proc proc rw",
    "88 26 0:4 net:[4026532300] /run/netns/blue rw shared:5 - nsfs nsfs rw",
    "89 26 0:4 mnt:[4026532301] /run/snapd/ns/x rw - nsfs nsfs rw",
    "90 26 0:4 net:[4026532302] /run/my\\040ns\\134x rw - nsfs nsfs rw",
    "",
  ];
  expect(mountedNamespaces(mountinfo.join("\n"))).toEqual([
    { inode: 4026532300, path: "/run/netns/blue" },
    { inode: 4026532302, path: "/run/my ns\\x" },
  ]);
});

it("sees the one that this process is in, with a process of it", () => {
  expect(networkNamespaces().byInode.get(networkNamespace())).toMatchObject({
    inode: networkNamespace(),
    pid: expect.any(Number) as number,
  });
});

describe("an attachment of another namespace that runs nothing", () => {
  /** Index 1 is `lo`, in whatever namespace the fake kernel is asked. */
  function cleared(ifindex: number, namespaces: Namespaces, inode = networkNamespace()): boolean {
    using w = world();
    mkdirSync(`${w.root}/${inode}-${ifindex}/gen-1`, { recursive: true });
    using dispatcher = w.kernel.foreign("never_attached");
    w.kernel.pin(dispatcher.number, `${w.root}/${inode}-${ifindex}/gen-1/dispatcher`);
    clearDefunct({ machine: { ...w.machine(), namespaces: () => namespaces } });
    return w.pins().length === 0;
  }
  const inode = networkNamespace();
  const seenAs = (one: NetworkNamespace, complete = true): Namespaces => ({
    byInode: new Map([[inode, one]]),
    complete,
  });
  const none = (complete: boolean): Namespaces => ({ byInode: new Map(), complete });

  it("stays while its interface exists there", () => {
    const there = seenAs({ inode, path: "/proc/self/ns/net" });
    expect(cleared(1, there)).toBe(false);
    expect(cleared(2, there)).toBe(true);
  });

  it("stays where its namespace went or changed between two looks", () => {
    expect(cleared(2, seenAs({ inode, path: "/proc/self/ns/no-such-thing" }))).toBe(false);
    expect(cleared(2, seenAs({ inode, path: "/proc/self/ns/mnt" }))).toBe(false);
  });

  it("stays, and so do the slots of its dispatcher, while somebody holds the link that lost its pin", async () => {
    using w = world();
    await attach(chain("freplace", numbered(1)), "lo", { machine: w.machine() });
    const link = `${w.root}/42-1/link`;
    const held = w.kernel.openPin(link);
    rmSync(link);
    const before = w.pins();
    const elsewhere = { ...w.machine(), netns: 43, namespaces: () => none(true) };
    expect(clearDefunct({ machine: elsewhere })).toBe(0);
    expect(w.pins()).toEqual(before);
    expect(w.kernel.boundSlots(w.kernel.running())).toHaveLength(1);
    held.close();
    clearDefunct({ machine: elsewhere });
    expect(w.pins()).toEqual([]);
  });

  it("stays where its namespace may be out of sight, and goes where it cannot", () => {
    expect(cleared(2, none(false))).toBe(false);
    expect(cleared(2, none(true))).toBe(true);
  });
});

it("what a removed interface shared goes on with the others, whose pins are their own", async () => {
  using w = world();
  w.kernel.interfaces.set("b", 2_000_000);
  const machine = w.machine();
  await attachAll(chain("freplace", numbered(1)), ["lo", "b"], { machine });
  expect(status("lo", machine)).toMatchObject([{ sharedWith: ["b"] }]);
  w.kernel.deleteInterface("b");
  expect(clearDefunct({ machine })).toBe(1);
  expect(w.pins().filter((pin) => pin.startsWith("42-2000000"))).toEqual([]);
  expect(w.kernel.boundSlots(w.kernel.running())).toHaveLength(1);
  expect(status(undefined, machine)).toMatchObject([{ interface: "lo", sharedWith: [], troubles: [] }]);
});

it("an interface that came here has its chain, also where the folder of its index has a link that is defunct", async () => {
  using w = world();
  const machine = w.machine();
  w.kernel.interfaces.set("a", 2_000_000);
  await attach(chain("call", numbered(1)), "a", { machine });
  w.kernel.deleteInterface("a");
  // As one of namespace 43 that has the same index, and keeps it on its way here.
  w.kernel.interfaces.set("a", 2_000_000);
  await attach(chain("call", numbered(2)), "a", {
    machine: { ...machine, netns: 43, namespaces: () => ({ byInode: new Map(), complete: false }) },
  });
  const live = await open("a", { machine });
  expect(live.status()).toMatchObject({ defunct: false, programs: [{ name: "p2" }] });
  expect(await live.update(chain("call", numbered(2), numbered(3)))).toMatchObject({
    outcome: "swapped",
    generation: 2,
  });
  expect(w.pins().filter((pin) => !pin.startsWith("42-2000000/"))).toEqual([]);
  expect(status("a", machine)).toMatchObject([{ generation: 2, troubles: [] }]);
});

describe("reading what others change", () => {
  it("begins anew when it changed or when something vanished, and keeps what it found then", () => {
    let reading = 0;
    const read = (): number | typeof CHANGED => {
      reading++;
      if (reading === 1) return CHANGED;
      if (reading === 2) throw failure("bpf_obj_get", "ENOENT");
      return 7;
    };
    expect(untilSettled("it", read)).toBe(7);
    expect(reading).toBe(3);
  });

  it("is not endless, and no other failure is one of those", () => {
    expect(() => untilSettled("the attachments", () => CHANGED)).toThrow(
      /cannot read the attachments: it changed 1000 times meanwhile; try again/,
    );
    expect(() =>
      untilSettled("it", () => {
        throw failure("bpf_obj_get", "EPERM");
      }),
    ).toThrow(/EPERM/);
  });
});
