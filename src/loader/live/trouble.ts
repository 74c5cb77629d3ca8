/** What is not as xdpgen left it: pins that somebody removed, maps and programs of somebody else in the place of its own. */
import { existsSync } from "node:fs";
import { isLinked } from "../../chain/chain.ts";
import { publicPath, reachablePath } from "../machine/bpffs.ts";
import { type Kernel, KernelError } from "../machine/kernel.ts";
import { type DeclaredMap, declaredMaps, openOwn } from "./declared-maps.ts";
import type { Dispatcher } from "./history.ts";
import type { Identity } from "./manifest.ts";
import { isStranger, isThere, openIfPinned, type Pinnable } from "./pins.ts";
import { dispatcherPin, linkPin, list, MAP_FOLDERS, mapsDir, programPin, slotPin } from "./store.ts";

export type Trouble =
  /** A slot's pin was removed, and its link or its map of one program went with it: packets run past the program. */
  | { readonly kind: "unbound"; readonly program: string }
  /** A pin was removed. What runs does not need it; of a link, the chain ends when the last process that holds it does. */
  | { readonly kind: "pin-removed"; readonly what: PinnedThing; readonly pin: string }
  /** At the path that the chain declares for a map, somebody put another one, or something else. What runs has `id`. */
  | { readonly kind: "pin-replaced"; readonly name: string; readonly id: number; readonly pin: string }
  /** Somebody put something else in the place of one of xdpgen's own pins. `id`: of the map that a program has, where that is known. */
  | { readonly kind: "pin-taken"; readonly what: PinnedThing | "slot"; readonly pin: string; readonly id?: number }
  /** A map has no pin: a swap that loads its program anew would start it empty. */
  | { readonly kind: "map-unpinned"; readonly name: string; readonly id: number }
  /** Somebody put a program of their own on xdpgen's link. */
  | { readonly kind: "foreign-program"; readonly id: number; readonly name: string }
  /** Another xdpgen made what runs, and this one cannot read it. `reason` is a clause. */
  | { readonly kind: "unreadable"; readonly reason: string }
  /** It runs, and its health command has not said that all is well: it still runs, or xdpgen was killed meanwhile. */
  | { readonly kind: "undecided" }
  /** Its pins are set aside: an xdpgen that could not read it was killed while it replaced it. */
  | { readonly kind: "set-aside" }
  /** The chain runs, and no attachment in this bpffs is its own. */
  | { readonly kind: "pins-out-of-reach" };

type PinTaken = Extract<Trouble, { readonly kind: "pin-taken" }>;

/** `map`: at the path that the chain declares. */
type PinnedThing = "link" | "dispatcher" | "program" | "map";

/** Pins that belong to a live generation and are not there, or are something else's. */
export function lostPins(kernel: Kernel, dir: string, identity: Identity): readonly Trouble[] {
  const { manifest, generation } = identity;
  const removed = (what: PinnedThing, pin: string): readonly Trouble[] =>
    isThere(pin) ? [] : [{ kind: "pin-removed", what, pin: publicPath(pin) }];
  return [
    ...removed("link", linkPin(dir)),
    ...removed("dispatcher", dispatcherPin(dir, generation)),
    ...manifest.programs
      .filter(({ linkage }) => !isLinked(linkage))
      .flatMap((program): readonly Trouble[] => [
        ...(isThere(slotPin(dir, generation, program.name))
          ? []
          : [{ kind: "unbound", program: program.name } as const]),
        ...(program.linkage === "freplace" ? removed("program", programPin(dir, program)) : []),
      ]),
    ...declaredMaps(manifest).flatMap((map) => atUserPath(kernel, dir, map)),
  ];
}

/** Own pins of a live generation where something else is. */
export function takenPins(kernel: Kernel, dir: string, { identity, programInfo }: Dispatcher): readonly PinTaken[] {
  const { manifest, generation } = identity;
  const taken = (what: PinnedThing | "slot", pin: string, isTaken: boolean): readonly PinTaken[] =>
    isTaken ? [{ kind: "pin-taken", what, pin: publicPath(pin) }] : [];
  const unless = (what: PinnedThing | "slot", pin: string, ...kinds: readonly Pinnable[]): readonly PinTaken[] =>
    taken(
      what,
      pin,
      kinds.every((kind) => isStranger(kernel, pin, kind)),
    );
  const dispatcher = dispatcherPin(dir, generation);
  return [
    ...unless("link", linkPin(dir), "link"),
    ...taken("dispatcher", dispatcher, isOther(kernel, dispatcher, programInfo.id)),
    ...manifest.programs.flatMap((program): readonly PinTaken[] => {
      const slot = slotPin(dir, generation, program.name);
      if (program.linkage === "tail") return unless("slot", slot, "map");
      const folders = MAP_FOLDERS.map((folder) => mapsDir(dir, program, folder));
      const maps = folders.flatMap((path) => list(path).flatMap((name) => unless("map", `${path}/${name}`, "map")));
      if (program.linkage !== "freplace") return maps;
      const extension = unless("program", programPin(dir, program), "program");
      return [...unless("slot", slot, "link", "program"), ...extension, ...maps];
    }),
  ];
}

/** Whether something else than this program is pinned at a path. */
function isOther(kernel: Kernel, path: string, id: number): boolean {
  using found = openIfPinned(kernel, path, "program");
  return found ? kernel.programInfo(found.number).id !== id : isThere(path);
}

function atUserPath(kernel: Kernel, dir: string, { name, pin: declared, members }: DeclaredMap): readonly Trouble[] {
  if (declared === undefined) return [];
  const path = reachablePath(declared);
  const pin = publicPath(path);
  const there = mapAt(kernel, path);
  if (there === undefined) return [{ kind: "pin-removed", what: "map", pin }];
  using own = openOwn(kernel, dir, members[0]!, name);
  // Where its own pin is gone too, only an extension tells which map the program has.
  const id = own && kernel.mapInfo(own.number).id;
  return id === undefined || id === there ? [] : [{ kind: "pin-replaced", name, id, pin }];
}

/** Id of the map that is pinned at a path; 0 for what is no map, undefined for nothing. */
function mapAt(kernel: Kernel, path: string): number | undefined {
  try {
    using there = openIfPinned(kernel, path, "map");
    if (there) return kernel.mapInfo(there.number).id;
    return existsSync(path) ? 0 : undefined;
  } catch (error) {
    if (error instanceof KernelError) return 0;
    throw error;
  }
}

/** Whether a live dispatcher has all that its manifest names: the link of each slot, and pins. */
export function isWhole(kernel: Kernel, dir: string, identity: Identity): boolean {
  return lostPins(kernel, dir, identity).every((trouble) => trouble.kind === "pin-removed" && trouble.what === "link");
}

/** Whether what is at the pins of a dispatcher, its slots and its extensions is theirs, as far as that can be told. */
export function isIntact(kernel: Kernel, dir: string, dispatcher: Dispatcher): boolean {
  return takenPins(kernel, dir, dispatcher).every(({ what }) => what === "link" || what === "map");
}
