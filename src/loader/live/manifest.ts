/**
 * What a dispatcher says of itself: its manifest, in a map that is frozen and bound to it, so that neither changes as long as the
 * dispatcher is loaded.
 */
import { decodeManifest, MANIFEST_SECTION, type Manifest } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import type { Kernel, ProgramInfo } from "../machine/kernel.ts";

/** What a dispatcher says of itself. */
export interface Identity {
  readonly manifest: Manifest;
  readonly generation: number;
}

/** A dispatcher of xdpgen whose manifest this one cannot read: as a rule, one of another version made it. */
export interface Unreadable {
  /** Why, in a clause. */
  readonly unreadable: string;
  readonly manifest?: undefined;
}

/**
 * Manifests that were read, by what tells a program from every other until the machine starts anew: its id, which may be given
 * again, and when it was loaded.
 */
const known = new WeakMap<Kernel, Map<string, Identity>>();

/** A process that swaps all day reads only what runs and what is kept. */
const KNOWN_AT_MOST = 256;

/** The manifest that is bound to a program; undefined for a program that is no dispatcher of xdpgen. */
export function readManifest(kernel: Kernel, program: ProgramInfo): Identity | Unreadable | undefined {
  const manifests = known.get(kernel) ?? new Map<string, Identity>();
  known.set(kernel, manifests);
  const key = `${program.id} ${program.loadTime}`;
  const found = manifests.get(key) ?? readAnew(kernel, program);
  manifests.delete(key);
  if (found && isReadable(found)) manifests.set(key, found);
  if (manifests.size > KNOWN_AT_MOST) manifests.delete(manifests.keys().next().value!);
  return found;
}

function readAnew(kernel: Kernel, program: ProgramInfo): Identity | Unreadable | undefined {
  // It is bound after all that the code uses, and so is the last.
  for (const id of program.mapIds.toReversed()) {
    const map = kernel.mapById(id);
    try {
      const info = kernel.mapInfo(map.number);
      if (info.name !== MANIFEST_SECTION) continue;
      return decoded(kernel.lookup(map.number, new Uint8Array(4), info.valueSize));
    } finally {
      map.close();
    }
  }
  return undefined;
}

function decoded(bytes: Uint8Array): Identity | Unreadable {
  try {
    return decodeManifest(bytes);
  } catch (error) {
    if (error instanceof XdpgenError) return { unreadable: error.message };
    throw error;
  }
}

export const isReadable = (found: Identity | Unreadable): found is Identity => found.manifest !== undefined;
