/**
 * Whether the map that is pinned for a program is the one that the program has. Somebody can have put another in its place, also one
 * that is defined alike: a swap that took that over would lose what the program has.
 *
 * The kernel tells which maps a program has, and not by which names its object calls them; and a map that an object declares and no
 * code uses no program has. So a map is a stranger where none of the programs has it, and one that they have has no pin and the name
 * that belongs there.
 */
import {
  BPF_MAP_TYPE_PROG_ARRAY,
  COUNTERS_MAP,
  type Manifest,
  type MapDefinition,
  programArray,
} from "../../codegen/index.ts";
import { identifier } from "../../codegen/link/names.ts";
import { XdpgenError } from "../../errors.ts";
import { publicPath } from "../machine/bpffs.ts";
import type { Kernel, MapInfo } from "../machine/kernel.ts";
import { BPF_F_RDONLY_PROG, nameInKernel, sameDefinition } from "./map-definition.ts";
import { pinName } from "./store.ts";

/**
 * Maps that programs write and that have no pin.
 * @param manifests of the dispatchers whose programs they are
 * @param ids of all that these have
 * @param pinned ids
 */
export function unpinnedMaps(
  kernel: Kernel,
  manifests: readonly Manifest[],
  ids: Iterable<number>,
  pinned: ReadonlySet<number>,
): readonly MapInfo[] {
  const tails = manifests.flatMap(({ programs }) => programs.filter(({ linkage }) => linkage === "tail"));
  const arrays = new Set(tails.map(({ name }) => nameInKernel(programArray(name))));
  // The counters, and the map of a slot of linkage `tail`, are the dispatcher's own.
  const isOwn = ({ name, type }: MapInfo): boolean =>
    name === COUNTERS_MAP || (type === BPF_MAP_TYPE_PROG_ARRAY && arrays.has(name));
  return [...new Set(ids)].flatMap((id): readonly MapInfo[] => {
    if (pinned.has(id)) return [];
    using map = kernel.mapById(id);
    const info = kernel.mapInfo(map.number);
    // The kernel puts the flag on device maps too, and a program's author on others.
    const isCode = info.flags & BPF_F_RDONLY_PROG && isSectionName(info.name);
    return isCode || isOwn(info) ? [] : [info];
  });
}

/** libbpf names the map of a section by the object and the section; no C name has a dot. */
const isSectionName = (name: string): boolean => name.includes(".");

/**
 * The map in whose place one is pinned that none of the programs has. The kernel knows it by its own name, or, where that was told
 * apart from another program's, by the program's too (`codegen/link/names.ts`).
 *
 * @param name of the map, or of its pin
 * @param wanted the map as it would be, or the one that is there
 * @param unpinned what the programs have and nothing pins
 */
export function replacedMap(
  program: string,
  name: string,
  wanted: MapDefinition,
  unpinned: readonly MapInfo[],
): MapInfo | undefined {
  const isSection = pinName(name).startsWith("section-");
  const apart = nameInKernel(`${identifier(program)}_${name}`);
  const alike = unpinned.filter((map) => sameDefinition(wanted, map));
  return (
    unpinned.find((map) => map.name === nameInKernel(name)) ??
    alike.find((map) => (isSection ? isSectionName(map.name) : map.name === apart))
  );
}

/**
 * @param path the pin
 * @param is what is there instead, in a clause
 * @param own the map that belongs there, where that is known
 */
export function strangerPinned(program: string, name: string, path: string, is: string, own?: number): XdpgenError {
  const pin = publicPath(path);
  const which = own === undefined ? "with the id that `xdpgen status` tells" : "and apply again";
  return new XdpgenError(
    "map-pin",
    `${program}: at the pin of its map ${name}, ${pin}, somebody put ${is}: remove that, pin the program's own again, ` +
      `\`bpftool map pin id ${own ?? "ID"} ${pin}\`, ${which}; without that pin it starts empty`,
  );
}
