/** The bytes of a list of instructions that nobody changes: the manifest hashes what the linker then writes. */
import { encode } from "../asm/index.ts";
import { once } from "../once.ts";

/** As `encode`, once for each list. */
export const codeBytes = once(encode);
