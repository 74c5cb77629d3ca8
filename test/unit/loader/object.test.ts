/** An object that cannot be set up is closed: nobody else could. */
import { expect, it } from "vitest";
import { holding, type Pointer } from "../../../src/loader/ffi/declare.ts";
import type { Libbpf } from "../../../src/loader/ffi/libbpf.ts";
import { openObject } from "../../../src/loader/ffi/object.ts";

it("closes an object when the setup of a map fails", () => {
  const closed: unknown[] = [];
  const lib = {
    bpf_object__open_mem: () => 7n,
    bpf_object__next_map: (_: Pointer, previous: Pointer) => (previous === null ? 8n : null),
    bpf_map__pin_path: () => null,
    bpf_map__set_pin_path: () => -12,
    bpf_object__close: (object: Pointer) => void closed.push(object),
  };
  expect(() => openObject(new Uint8Array(4), "name", lib as unknown as Libbpf)).toThrow(
    "bpf_map__set_pin_path: ENOMEM",
  );
  expect(closed).toEqual([7n]);
});

it("gives the call's result or error on", () => {
  expect(holding([new Uint8Array(1)], () => 42)).toBe(42);
  expect(() =>
    holding([undefined], () => {
      throw new Error("no");
    }),
  ).toThrow("no");
});
