/** The dispatcher's own contribution to the linked object: main function, stubs, manifest, and BTF for them. */
import { layout, slots } from "../asm/index.ts";
import type { BtfType, LineInfo, TypeId } from "../btf/types.ts";
import type { Unit, UnitData, UnitFunction } from "../link/unit.ts";
import { type DispatcherFunction, INT } from "./function.ts";
import { MANIFEST_HEADER, MANIFEST_SECTION } from "./manifest.ts";

/**
 * @param manifest encoded; a prototype has none
 * @param file what line records give as the source file
 */
export function dispatcherUnit(
  functions: readonly DispatcherFunction[],
  manifest: Uint8Array | undefined,
  file: string,
): Unit {
  const types: BtfType[] = [];
  const add = (type: BtfType): TypeId => types.push(type);
  const context = add({
    kind: "ptr",
    type: add({ kind: "struct", name: "xdp_md", size: 0, members: [], bitfields: false }),
  });

  const unitFunctions = functions.map((f): UnitFunction => {
    const proto = add({ kind: "func_proto", type: add(f.returns), params: [{ name: "ctx", type: context }] });
    const code = layout(f.instructions);
    return {
      symbol: f.symbol,
      linkage: "global",
      code,
      type: add({ kind: "func", name: f.symbol, type: proto, linkage: "global" }),
      lines: f.lines.map(({ index, text }, line): LineInfo => {
        const offset = code.slice(0, index).reduce((sum, i) => sum + 8 * slots(i), 0);
        return { offset, file, text, line: line + 1, column: 1 };
      }),
      coreRelocations: [],
    };
  });

  return {
    name: "dispatcher",
    maps: [],
    functions: unitFunctions,
    data: manifest ? [manifestData(manifest, add)] : [],
    btf: { types },
  };
}

/** Two variables, so that `bpftool map dump` shows the JSON as text. */
function manifestData(manifest: Uint8Array, add: (type: BtfType) => TypeId): UnitData {
  const int = add(INT);
  const char = add({ kind: "int", name: "char", size: 1, bits: 8, bitOffset: 0, encoding: 1 });
  const variable = (name: string, element: TypeId, length: number): TypeId =>
    add({ kind: "var", name, type: add({ kind: "array", type: element, indexType: int, length }), linkage: "static" });
  const json = manifest.length - MANIFEST_HEADER;
  return {
    section: MANIFEST_SECTION,
    kind: "rodata",
    bytes: manifest,
    align: 8,
    variables: [
      { type: variable("xdpgen_header", int, MANIFEST_HEADER / 4), offset: 0, size: MANIFEST_HEADER },
      { type: variable("xdpgen_manifest", char, json), offset: MANIFEST_HEADER, size: json },
    ],
  };
}
