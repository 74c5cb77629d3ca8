/**
 * Maps of programs with one entry: what a slot of linkage `tail` calls out of. The kernel takes a program into one only beside
 * those that are loaded alike: same type, same `expected_attach_type`, all for packets of several buffers or none of them
 * (kernel/bpf/core.c, __bpf_prog_map_compatible).
 */
import { BPF_MAP_TYPE_PROG_ARRAY } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { isErrno, type Kernel, type RawProgram } from "../machine/kernel.ts";

export type AttachType = NonNullable<RawProgram["attachType"]>;

/** How a program is loaded, as far as maps of programs tell programs apart. */
export interface LoadedKind {
  readonly frags: boolean;
  readonly attachType: AttachType;
}

/** In the order in which they are met in the world. */
const KINDS: readonly LoadedKind[] = (["xdp", "none"] as const).flatMap((attachType) =>
  [false, true].map((frags): LoadedKind => ({ frags, attachType })),
);

/**
 * The kernel shows neither; so a map is given the program, and programs of each kind are loaded that use this map.
 *
 * @param what the program, for the message
 * @throws XdpgenError `object-unsupported` where it can be in no map of programs, or in none that XDP programs use
 */
export function kindOf(kernel: Kernel, program: number, what: string): LoadedKind {
  using array = kernel.createMap({ ...PROGRAM_ARRAY, name: "probe" });
  // An empty map takes every program but those that are bound to a device.
  fill(kernel, array.number, program, what, BOUND);
  const kind = KINDS.find((one) => isAlike(kernel, array.number, one));
  if (kind) return kind;
  throw new XdpgenError(
    "object-unsupported",
    `${what} cannot be tail-called by a plain XDP program: it is made for a cpumap or a devmap`,
  );
}

/** `r1 = MAP ll; r0 = 2; exit` (RFC 9669). */
const USES_MAP = [
  0x18, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0,
];

function isAlike(kernel: Kernel, array: number, { frags, attachType }: LoadedKind): boolean {
  const instructions = Uint8Array.from(USES_MAP);
  new DataView(instructions.buffer).setInt32(4, array, true);
  try {
    kernel.loadProgram({ type: "xdp", name: "probe", instructions, frags, attachType }).close();
    return true;
  } catch (error) {
    // Before Linux 5.18 there is no flag for frags, and the kernel refuses it in the same way.
    if (isErrno(error, "EINVAL")) return false;
    throw error;
  }
}

/** As `codegen/dispatcher/tail.ts` defines it. */
const PROGRAM_ARRAY = { type: BPF_MAP_TYPE_PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 } as const;

/**
 * Puts a program into a slot's map, in the place of the one that is in it: a packet meets the one or the other.
 *
 * @param what the program, for the message
 */
export function fillProgramArray(kernel: Kernel, array: number, program: number, what: string): void {
  fill(kernel, array, program, what, "it was loaded for something else than the dispatcher");
}

const BOUND = "it is bound to a device, and such a program runs on that device by itself only";

/** @param unlike what it means that the map does not take the program (EINVAL) */
function fill(kernel: Kernel, array: number, program: number, what: string, unlike: string): void {
  try {
    kernel.update(array, new Uint8Array(4), new Uint8Array(Uint32Array.of(program).buffer));
  } catch (cause) {
    if (!isErrno(cause, "EBUSY", "EINVAL")) throw cause;
    const reason = isErrno(cause, "EBUSY")
      ? "an extension is attached to it (as to a dispatcher of libxdp), and the kernel lets nobody tail-call such a program; attach its programs here instead"
      : unlike;
    throw new XdpgenError("object-unsupported", `${what} cannot be tail-called: ${reason}`, { cause });
  }
}

/** The id of the program that is in a slot's map; undefined where there is none. */
export function programInArray(kernel: Kernel, array: number): number | undefined {
  try {
    const value = kernel.lookup(array, new Uint8Array(4), 4);
    return new DataView(value.buffer, value.byteOffset).getUint32(0, true);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
