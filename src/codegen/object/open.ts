/**
 * A compiled XDP object, opened: its ELF, its BTF, its functions. In: the bytes of a `.bpf.o`. Out: plain values that the
 * plan asks for functions and metadata and that the linker takes code from. No file is read here.
 */
import { XdpgenError } from "../../errors.ts";
import { decodeBtf, decodeBtfExt } from "../btf/index.ts";
import type { Btf, BtfExt, BtfType, TypeId } from "../btf/types.ts";
import { SHF_EXECINSTR, readElf } from "../elf/index.ts";
import type { ElfObject, ElfSection, ElfSymbol } from "../elf/object.ts";
import { once } from "../once.ts";
import { syntheticBtf } from "./signature.ts";

export interface ObjectFunction {
  readonly name: string;
  /** Index of its section in `elf.sections`. */
  readonly section: number;
  /** Byte offset in its section. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly symbol: ElfSymbol;
  /** Its FUNC type in the object's BTF. */
  readonly type: TypeId;
}

export interface XdpObject {
  readonly elf: ElfObject;
  /** The object's own; where it was compiled without `-g`, what its symbols tell of its functions. */
  readonly btf: Btf;
  readonly ext: BtfExt;
  readonly hasBtf: boolean;
  /** `GPL`, …; empty where the object declares none. */
  readonly license: string;
  /** All functions, in order of section and offset. */
  readonly functions: readonly ObjectFunction[];
}

/**
 * The same bytes give the same object again, so nobody may change them afterwards.
 *
 * @throws XdpgenError `object-invalid` or `btf-invalid`
 */
export const openObject = once((bytes: Uint8Array): XdpObject => {
  const elf = readElf(bytes);
  const contents = (name: string): Uint8Array | undefined => elf.sections.find((s) => s.name === name)?.data;
  const symbols = functionSymbols(elf);
  const btfBytes = contents(".BTF");
  const extBytes = contents(".BTF.ext");
  const { btf, ext } = readTypes(symbols, btfBytes, extBytes);
  return {
    elf,
    btf,
    ext,
    hasBtf: btfBytes !== undefined && extBytes !== undefined,
    license: new TextDecoder().decode(contents("license")).replace(/\0.*$/s, ""),
    functions: symbols.map(({ symbol, section }) => ({
      name: symbol.name,
      section: elf.sections.indexOf(section),
      offset: symbol.value,
      size: symbol.size,
      symbol,
      type: funcType(btf, ext, symbol, section),
    })),
  };
});

/** What is missing of the types of functions is made from their symbols. */
function readTypes(
  symbols: readonly FunctionSymbol[],
  btf: Uint8Array | undefined,
  ext: Uint8Array | undefined,
): { readonly btf: Btf; readonly ext: BtfExt } {
  if (btf) return withFuncInfo(decodeBtf(btf), ext ? decodeBtfExt(ext, btf) : NO_RECORDS, symbols);
  return syntheticBtf(
    symbols.map(({ symbol, section }) => ({
      name: symbol.name,
      section: section.name,
      offset: symbol.value,
      entry: isXdpEntry(symbol, section),
    })),
  );
}

const NO_RECORDS: BtfExt = { funcInfo: new Map(), lineInfo: new Map(), coreRelocations: new Map() };

/**
 * A function without a record has the FUNC of its name: gcc writes no records of functions. What gcc made of a function
 * under a name of its own (`parse.isra.0`) has no FUNC, and is given one: static, so that nobody asks for its parameters.
 */
function withFuncInfo(
  btf: Btf,
  ext: BtfExt,
  symbols: readonly FunctionSymbol[],
): { readonly btf: Btf; readonly ext: BtfExt } {
  const types: BtfType[] = [...btf.types];
  const funcInfo = new Map(ext.funcInfo);
  for (const { symbol, section } of symbols) {
    const records = funcInfo.get(section.name) ?? [];
    if (records.some(({ offset }) => offset === symbol.value)) continue;
    const known = 1 + types.findIndex((t) => t.kind === "func" && t.name === symbol.name);
    if (known === 0 && !/\.\w+\.\d+$/.test(symbol.name)) continue;
    const type = known || addFunction(types, symbol.name);
    funcInfo.set(section.name, [...records, { offset: symbol.value, type }]);
  }
  return { btf: { types }, ext: { ...ext, funcInfo } };
}

/** Adds `static int name(void)`, and gives its type. */
function addFunction(types: BtfType[], name: string): TypeId {
  const int = types.push({ kind: "int", name: "int", size: 4, bits: 32, bitOffset: 0, encoding: 1 });
  const prototype = types.push({ kind: "func_proto", type: int, params: [] });
  return types.push({ kind: "func", name, type: prototype, linkage: "static" });
}

interface FunctionSymbol {
  readonly symbol: ElfSymbol;
  readonly section: ElfSection;
}

/** In order of section and offset. */
function functionSymbols(elf: ElfObject): FunctionSymbol[] {
  const found: (FunctionSymbol & { readonly index: number })[] = [];
  for (const symbol of elf.symbols) {
    if (symbol.type !== "func" || typeof symbol.section !== "number") continue;
    const section = elf.sections[symbol.section];
    if (!section || (section.flags & SHF_EXECINSTR) === 0) continue;
    if (symbol.size === 0 || symbol.value % 8 || symbol.size % 8 || symbol.value + symbol.size > section.data.length) {
      throw new XdpgenError(
        "object-invalid",
        `function ${symbol.name} at ${symbol.value}, ${symbol.size} bytes, does not fit section ${section.name} ` +
          `of ${section.size} bytes: the object is damaged, compile it again`,
      );
    }
    found.push({ symbol, section, index: symbol.section });
  }
  return found.toSorted((a, b) => a.index - b.index || a.symbol.value - b.symbol.value);
}

function funcType(btf: Btf, ext: BtfExt, symbol: ElfSymbol, section: ElfSection): TypeId {
  const info = ext.funcInfo.get(section.name)?.find((f) => f.offset === symbol.value);
  if (info && btf.types[info.type - 1]?.kind === "func") return info.type;
  throw new XdpgenError(
    "btf-invalid",
    `.BTF.ext has no function record for ${symbol.name} in section ${section.name}: compile the object again with -g`,
  );
}

/**
 * Sections in which libbpf, libxdp and iproute2 look for XDP programs; `devmap` and `cpumap` ones run elsewhere. A `?` in
 * front tells libbpf to load the program only when it is asked to.
 */
const XDP_SECTION = /^\??xdp(?:[._/](?!devmap|cpumap|frags\/).*)?$/;

function isXdpEntry(symbol: ElfSymbol, section: ElfSection): boolean {
  return symbol.binding !== "local" && XDP_SECTION.test(section.name);
}

/** The functions that can be attached to an interface. */
export function xdpFunctions(object: XdpObject): readonly ObjectFunction[] {
  return object.functions.filter((f) => isXdpEntry(f.symbol, object.elf.sections[f.section]!));
}

/** Whether the function is compiled for packets of several buffers (`SEC("xdp.frags")`). */
export function hasFrags(object: XdpObject, f: ObjectFunction): boolean {
  return /^\??xdp\.frags$/.test(object.elf.sections[f.section]!.name);
}
