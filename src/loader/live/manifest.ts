/**
 * What a dispatcher says of itself: its manifest, in a map that is frozen and bound to it, so that neither changes as long as the
 * dispatcher is loaded.
 */
import { decodeManifest, MANIFEST_SECTION, type Manifest } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import type { Kernel, ProgramInfo } from "../machine/kernel.ts";
import { programMemo } from "../machine/program-memo.ts";

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

const known = programMemo<Identity>();

/** The manifest that is bound to a program; undefined for a program that is no dispatcher of xdpgen. */
export function readManifest(kernel: Kernel, program: ProgramInfo): Identity | Unreadable | undefined {
  const found = known.get(kernel, program) ?? readAnew(kernel, program);
  if (found && isReadable(found)) known.set(kernel, program, found);
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
