/** What a user of the library is told where a call of the kernel fails: never a bare errno, which would be a bug of ours. */
import { describe, expect, it } from "vitest";
import { attach, attachAll } from "../../../src/loader/attachment.ts";
import type { Kernel, KernelError } from "../../../src/loader/machine/kernel.ts";
import { preview } from "../../../src/loader/report/preview.ts";
import { status } from "../../../src/loader/report/status.ts";
import { openMap } from "../../../src/loader/run/plain-xdp.ts";
import { clearDefunct } from "../../../src/loader/swap/detach.ts";
import type { SwapEvent } from "../../../src/loader/swap/events.ts";
import { numbered } from "../../support/verdict-program.ts";
import { failure } from "./fake-kernel.ts";
import { chain, withMap, world, type World } from "./world.ts";

const failing = ({ kernel }: World, call: keyof Kernel, error: KernelError): Kernel =>
  Object.assign(Object.create(kernel) as Kernel, {
    [call]: () => {
      throw error;
    },
  });

const one = chain("call", numbered(1, { bytes: withMap(1) }));

describe("a run of the live dispatcher", () => {
  it.each([
    [
      "EINVAL",
      "packet-invalid",
      /does not run a frame of 64 bytes \(EINVAL\): it is too long for programs without frags/,
    ],
    ["ENOSPC", "packet-invalid", /the frame of 64 bytes came out longer than there is room for \(ENOSPC\)/],
    ["EPERM", "kernel", /cannot run a frame of 64 bytes: bpf_prog_test_run_opts: EPERM/],
  ] as const)("%s is %s", async (errno, code, message) => {
    using w = world();
    const error = failure("bpf_prog_test_run_opts", errno);
    const live = await attach(one, "lo", { machine: w.machine(failing(w, "testRun", error)) });
    await expect(live.testRun({ data: new Uint8Array(64) })).rejects.toMatchObject({
      code,
      cause: error,
      message: expect.stringMatching(message) as string,
    });
  });

  it("of less than a header is refused without a call", async () => {
    using w = world();
    const live = await attach(one, "lo", { machine: w.machine() });
    await expect(live.testRun({ data: new Uint8Array(13) })).rejects.toMatchObject({ code: "packet-invalid" });
  });

  it("says what else the kernel can mean", async () => {
    using w = world();
    const error = failure("bpf_prog_test_run_opts", "EINVAL");
    const live = await attach(one, "lo", { machine: w.machine(failing(w, "testRun", error)) });
    const asked = { data: new Uint8Array(64), liveFrames: true, batchSize: 300, context: new Uint8Array(24) };
    await expect(live.testRun(asked)).rejects.toThrow(
      /context is none.*older than 5\.18.*300 are too many for a batch/,
    );
  });
});

describe("a map", () => {
  const pinOf = (w: World): string => `${w.root}/${w.pins().find((pin) => pin.endsWith("/maps/seen"))}`;

  it("that is not there, or is something else, is an answer", async () => {
    using w = world();
    await attach(one, "lo", { machine: w.machine() });
    const { openFds } = w.kernel;
    const open = (path: string) => (): unknown => openMap(path, w.kernel);
    expect(open(`${w.root}/nothing`)).toThrow(expect.objectContaining({ code: "map-pin" }));
    expect(open(`${w.root}/42-1/link`)).toThrow(expect.objectContaining({ code: "map-pin" }));
    const refused = failing(w, "openPin", failure("bpf_obj_get", "EACCES"));
    expect(() => openMap(pinOf(w), refused)).toThrow(expect.objectContaining({ code: "environment" }));
    expect(w.kernel.openFds).toBe(openFds);
  });

  it("keeps the errno of a key that is not there, and says how long a key is", async () => {
    using w = world();
    await attach(one, "lo", { machine: w.machine() });
    const error = failure("bpf_map_lookup_elem", "ENOENT");
    using map = openMap(pinOf(w), failing(w, "lookup", error));
    expect(() => map.lookup(new Uint8Array(4))).toThrow(expect.objectContaining({ code: "kernel", cause: error }));
    expect(() => map.lookup(new Uint8Array(5))).toThrow(expect.objectContaining({ code: "usage" }));
    expect(() => map.update(new Uint8Array(4), new Uint8Array(3))).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

describe("no room for the socket that an interface is looked for with", () => {
  it("is no answer: nothing is attached, and nothing cleared", async () => {
    using w = world();
    w.kernel.interfaces.set("a", 2_000_000);
    for (const device of ["lo", "a"]) await attach(one, device, { machine: w.machine() });
    const before = w.snapshot();
    for (const [call, name] of [
      ["interfaceIndex", "if_nametoindex"],
      ["interfaceName", "if_indextoname"],
    ] as const) {
      const machine = w.machine(failing(w, call, failure(name, "EMFILE")));
      await expect(attach(chain("call", numbered(2)), "lo", { machine })).rejects.toMatchObject({ code: "kernel" });
      expect(w.snapshot()).toEqual(before);
    }
    const machine = w.machine(failing(w, "interfaceName", failure("if_indextoname", "EMFILE")));
    expect(() => clearDefunct({ machine })).toThrow(expect.objectContaining({ code: "kernel" }));
    expect(() => status(undefined, machine)).toThrow(expect.objectContaining({ code: "kernel" }));
    expect(w.snapshot()).toEqual(before);
  });
});

it("a handle that cannot ask what its interface is called says what it was about", async () => {
  using w = world();
  let fails = false;
  const refused = failing(w, "interfaceName", failure("if_indextoname", "EMFILE"));
  const kernel = new Proxy<Kernel>(w.kernel, {
    get: (own, key) => Reflect.get(fails ? refused : own, key) as unknown,
  });
  const live = await attach(one, "lo", { machine: w.machine(kernel) });
  const all = await attachAll(one, ["lo"], { machine: w.machine(kernel) });
  fails = true;
  const said = { code: "kernel", message: expect.stringMatching(/lo.*if_indextoname: EMFILE; nothing was/) as string };
  await expect(live.testRun({ data: new Uint8Array(64) })).rejects.toMatchObject(said);
  for (const handle of [live, all]) {
    await expect(handle.update(one)).rejects.toMatchObject(said);
    await expect(handle.rollback()).rejects.toMatchObject(said);
  }
});

describe("an interface that is deleted before its first link", () => {
  it.each(["auto", "native", "generic"] as const)("is gone, and no driver has refused mode %s", async (mode) => {
    using w = world();
    // net/core/dev.c, bpf_xdp_link_attach: EINVAL where no interface has the index.
    const linkXdp: Kernel["linkXdp"] = (fd, ifindex, wanted) => {
      if (w.kernel.interfaceName(ifindex) === undefined) throw failure("bpf_link_create", "EINVAL");
      return w.kernel.linkXdp(fd, ifindex, wanted);
    };
    const kernel = Object.assign(Object.create(w.kernel) as Kernel, { linkXdp });
    const events = (event: SwapEvent): void => {
      if (event.kind === "begin" && event.step === "commit") w.kernel.deleteInterface("lo");
    };
    const attempt = attach(one, "lo", { machine: w.machine(kernel), mode, events });
    await expect(attempt).rejects.toMatchObject({ code: "interface-missing" });
    expect(w.pins()).toEqual([]);
  });
});

it("a plan that cannot ask the kernel says so as an attach does", async () => {
  using w = world();
  const { number: fd } = w.kernel.loadedAs("held", {});
  const machine = w.machine(failing(w, "createMap", failure("bpf_map_create", "EMFILE")));
  const holding = chain("call", { name: "held", fd, priority: 1 });
  const said = { code: "kernel", message: expect.stringMatching(/bpf_map_create: EMFILE/) as string };
  await expect(attach(holding, "lo", { machine })).rejects.toMatchObject(said);
  await expect(preview(holding, "lo", { machine })).rejects.toMatchObject(said);
});
