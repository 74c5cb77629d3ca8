/**
 * What the verifier says of a program when it takes it. The kernel keeps the number of instructions; how long it took and how
 * much stack each function has is said once, while the program is loaded.
 */
import { decodeBtf } from "../../codegen/btf/index.ts";
import { readElf } from "../../codegen/elf/index.ts";
import type { Kernel } from "../machine/kernel.ts";
import type { LoadedProgram } from "./program.ts";
import { readStatistics } from "./verifier-log.ts";

export interface Verified {
  /** Instructions that it walked, each as often as it came by; of a million that it walks at most. 0 where nobody says. */
  readonly verifiedInstructions: number;
  /**
   * How long it took, by the kernel's clock: another number each time. Left out where the program was loaded in a second attempt,
   * which is not asked for figures.
   */
  readonly microseconds?: number;
  /** Functions and the bytes of their frames, the main one first; empty where there are no figures. */
  readonly frames: readonly Frame[];
}

export interface Frame {
  readonly function: string;
  /** As the verifier counts them: from Linux 6.2 on in steps of eight. */
  readonly bytes: number;
}

/** A program of the chain that was loaded on its own. */
export interface VerifiedProgram extends Verified {
  /** Its name in the chain. */
  readonly program: string;
  /** As which type: what it is in a slot of linkage `freplace`, or plain XDP. */
  readonly as: "extension" | "xdp";
  /** Why it is plain XDP though its linkage is `freplace`; a clause. */
  readonly because?: string;
}

/** What was loaded of an image. */
export interface VerifiedImage {
  /** The dispatcher with all that is linked into it. */
  readonly dispatcher: Verified;
  /** In the order of the chain. */
  readonly programs: readonly VerifiedProgram[];
}

export function verifiedOf(kernel: Kernel, { program, elf }: LoadedProgram): Verified {
  const statistics = readStatistics(program.statistics());
  if (!statistics) {
    return { verifiedInstructions: kernel.programInfo(program.fd()).verifiedInstructions, frames: [] };
  }
  const { frames, ...rest } = statistics;
  // The kernel is asked only where there is more than one to tell apart.
  const names = frames.length > 1 ? functionNames(kernel, program.fd(), elf) : [];
  // Without BTF the kernel has the name of the program, and numbers.
  const name = (index: number): string => names[index] ?? (index === 0 ? program.name : `func#${index}`);
  return { ...rest, frames: frames.map((bytes, index) => ({ function: name(index), bytes })) };
}

/**
 * In the kernel's order, after it has removed what is never called. Types have the ids that they have in the object: what a kernel
 * does not know libbpf puts others in the place of, one for one.
 */
function functionNames(kernel: Kernel, program: number, elf: Uint8Array): readonly string[] {
  const functions = kernel.programFunctions(program);
  const btf = readElf(elf).sections.find(({ name }) => name === ".BTF");
  if (functions.length === 0 || !btf) return [];
  const { types } = decodeBtf(btf.data);
  return functions.map(({ type }) => {
    const func = types[type - 1];
    return func?.kind === "func" ? func.name : "";
  });
}
