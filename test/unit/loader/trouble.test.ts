/** Which maps without a pin are somebody's to lose. */
import { expect, it } from "vitest";
import type { Linkage } from "../../../src/chain/index.ts";
import type { Manifest } from "../../../src/codegen/index.ts";
import { replacedMap, unpinnedMaps } from "../../../src/loader/live/own-maps.ts";
import type { Kernel, MapInfo } from "../../../src/loader/machine/kernel.ts";

const PROG_ARRAY = 3;
const HASH = 1;
const RDONLY_PROG = 0x80;

/** Maps by id, from 1; all are used by one program. */
function unpinned(linkage: Linkage, ...maps: readonly Pick<MapInfo, "name" | "type" | "flags">[]): readonly string[] {
  const kernel = {
    mapById: (id: number) => ({ number: id, close() {}, [Symbol.dispose]() {} }),
    mapInfo: (fd: number) => maps[fd - 1],
  } as unknown as Kernel;
  const manifest = { programs: [{ name: "a-rather-long-name", linkage }] } as unknown as Manifest;
  const ids = maps.map((_, index) => index + 1);
  return unpinnedMaps(kernel, [manifest], ids, new Set()).map(({ name }) => name);
}

it("the map of a slot is the dispatcher's own, under the fifteen characters that the kernel keeps of its name", () => {
  expect(unpinned("tail", { name: "tail_a_rather_l", type: PROG_ARRAY, flags: 0 })).toEqual([]);
});

it("a map of programs that a user calls alike is not", () => {
  expect(unpinned("tail", { name: "tail_jumps", type: PROG_ARRAY, flags: 0 })).toEqual(["tail_jumps"]);
  expect(unpinned("call", { name: "tail_a_rather_l", type: PROG_ARRAY, flags: 0 })).toEqual(["tail_a_rather_l"]);
  expect(unpinned("tail", { name: "tail_a_rather_l", type: HASH, flags: 0 })).toEqual(["tail_a_rather_l"]);
});

it("counters and what is part of the code are nobody's to lose", () => {
  const own = [
    { name: "xdpgen__counts", type: 6, flags: 0 },
    { name: "edge.rodata", type: 2, flags: RDONLY_PROG },
  ];
  expect(unpinned("call", ...own)).toEqual([]);
});

it("a map that programs may only read is somebody's to lose, and so is a device map", () => {
  expect(unpinned("call", { name: "denylist_v4", type: 11, flags: RDONLY_PROG })).toEqual(["denylist_v4"]);
  expect(unpinned("call", { name: "tx_port", type: 14, flags: RDONLY_PROG })).toEqual(["tx_port"]);
});

it("the map in whose place another is pinned is known by its name, its program's, or its section's", () => {
  const like = { type: HASH, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 };
  const of = (...names: readonly string[]): readonly MapInfo[] => names.map((name, id) => ({ ...like, name, id }));
  const found = (name: string, ...names: readonly string[]) => replacedMap("deny-list", name, like, of(...names))?.name;
  expect(found("a_name_longer_than_15", "a_name_longer_t")).toBe("a_name_longer_t");
  expect(found("hits", "deny_list_hits")).toBe("deny_list_hits");
  expect(found("section-bss", "hits", "edge.bss")).toBe("edge.bss");
  expect(found("hits", "misses", "edge.bss", "counter_hits")).toBeUndefined();
});
