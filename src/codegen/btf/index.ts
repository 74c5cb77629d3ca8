/**
 * BTF, the BPF Type Format. In: the bytes of `.BTF` and `.BTF.ext`, or types as values. Out: the other of the two; one BTF
 * out of several; text. Nothing here knows which object or kernel the types come from.
 */
export { type ErrorCode, XdpgenError } from "../../errors.ts";
export { decodeBtf } from "./decode.ts";
export { encodeBtf, type EncodeBtfInput } from "./encode.ts";
export { decodeBtfExt } from "./ext.ts";
export { formatDeclaration } from "./declaration.ts";
export { formatBtfExt } from "./ext-format.ts";
export { type FormatBtfOptions, formatBtf } from "./format.ts";
export { type MergePart, type Merged, mergeBtf } from "./merge.ts";
export { mapTypeRefs, typeRefs } from "./references.ts";
export { btfStrings } from "./strings.ts";
export type { Btf, BtfExt, BtfType, CoreRelocation, FuncInfo, LineInfo, Member, TypeId } from "./types.ts";
