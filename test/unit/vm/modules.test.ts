import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ScriptFailure } from "../../../scripts/debian/failure.ts";
import { insertionOrder, moduleName, parseModulesDep } from "../../../scripts/vm/modules.ts";

const modulesDep = `kernel/net/9p/9pnet.ko:
kernel/net/9p/9pnet_virtio.ko: kernel/net/9p/9pnet.ko kernel/drivers/virtio/virtio.ko
kernel/fs/netfs/netfs.ko:
kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko
kernel/drivers/virtio/virtio.ko:
kernel/drivers/char/hw_random/virtio-rng.ko: kernel/drivers/virtio/virtio.ko
`;

describe("module names", () => {
  test.each([
    ["kernel/fs/9p/9p.ko", "9p"],
    ["kernel/fs/9p/9p.ko.xz", "9p"],
    ["kernel/drivers/char/hw_random/virtio-rng.ko", "virtio_rng"],
  ])("%s is %s", (path, name) => expect(moduleName(path)).toBe(name));

  test("are read from modules.dep with what each module needs", () => {
    expect(parseModulesDep(modulesDep).get("9p")).toEqual({ path: "kernel/fs/9p/9p.ko.xz", needs: ["9pnet", "netfs"] });
  });
});

describe("the insertion order", () => {
  test("names every module once, after all that it needs", () => {
    expect(insertionOrder(modulesDep, "", ["9pnet_virtio", "9p"])).toEqual([
      "kernel/net/9p/9pnet.ko",
      "kernel/drivers/virtio/virtio.ko",
      "kernel/net/9p/9pnet_virtio.ko",
      "kernel/fs/netfs/netfs.ko",
      "kernel/fs/9p/9p.ko.xz",
    ]);
  });

  test("leaves out what is built into the kernel", () => {
    expect(insertionOrder(modulesDep, "kernel/fs/overlayfs/overlay.ko\n", ["overlay", "netfs"])).toEqual([
      "kernel/fs/netfs/netfs.ko",
    ]);
  });

  test("refuses a module that the kernel does not have, and names it", () => {
    expect(() => insertionOrder(modulesDep, "", ["9p", "veth"])).toThrow(ScriptFailure);
    expect(() => insertionOrder(modulesDep, "", ["veth"])).toThrow("no module veth");
  });

  test("holds for any dependencies without a cycle", () => {
    // Module i may need modules below i, which makes every such table one without a cycle.
    const table = fc.array(fc.array(fc.nat()), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(table, fc.infiniteStream(fc.nat()), (raw, picks) => {
        const needs = raw.map((list, index) => (index === 0 ? [] : [...new Set(list.map((n) => n % index))]));
        const text = needs.map((list, index) => `m${index}.ko: ${list.map((n) => `m${n}.ko`).join(" ")}`).join("\n");
        const wanted = [...picks.take(3)].map((n) => n % needs.length);
        const order = insertionOrder(
          text,
          "",
          wanted.map((n) => `m${n}`),
        );
        expect(new Set(order).size).toBe(order.length);
        for (const n of wanted) expect(order).toContain(`m${n}.ko`);
        order.forEach((path, place) => {
          const before = (needs[Number(/\d+/.exec(path))] ?? []).map((n) => `m${n}.ko`);
          expect(order.slice(0, place)).toEqual(expect.arrayContaining(before));
        });
      }),
    );
  });
});
