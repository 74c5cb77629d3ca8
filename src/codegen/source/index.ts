/**
 * The assembly text of whole objects, in the syntax of GNU's and LLVM's assemblers: sections, symbols and data around the
 * instructions that asm/ knows. In: text. Out: an `ElfObject`; and back. Nothing here reads files.
 */
export { type BareProgram, isBare } from "./bare.ts";
export { formatObject, type FormatObjectOptions } from "./format.ts";
export { undefinedHelpers } from "./helpers.ts";
export { parseObject, type ParseObjectOptions } from "./parse.ts";
export { type Piece, piecesOf } from "./pieces.ts";
export { relocationName } from "./section-words.ts";
