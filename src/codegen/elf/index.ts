/**
 * Relocatable BPF objects. In: the bytes of a `.o`, or values. Out: the other of the two. This folder knows sections,
 * symbols and relocations, and not what is in them: code is for asm/, types are for btf/.
 */
export { type ErrorCode, XdpgenError } from "../../errors.ts";
export * from "./constants.ts";
export type { ElfObject, ElfRelocation, ElfSection, ElfSymbol } from "./object.ts";
export { readElf } from "./read.ts";
export { writeElf } from "./write.ts";
