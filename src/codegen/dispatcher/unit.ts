/** The dispatcher's own contribution to the linked object: main function, stubs, manifest, and BTF for them. */
import { layout, slotOffsets } from "../asm/index.ts";
import type { BtfType, LineInfo, TypeId } from "../btf/types.ts";
import type { Unit, UnitData, UnitFunction } from "../link/unit.ts";
import type { ReturnType } from "../object/signature.ts";
import { once } from "../once.ts";
import { type DispatcherFunction, INT } from "./function.ts";
import { MANIFEST_HEADER, MANIFEST_SECTION } from "./manifest.ts";

/**
 * The functions as a unit of the linker, laid out. No type of the unit is there twice.
 *
 * @param file what line records give as the source file
 */
export function dispatcherUnit(functions: readonly DispatcherFunction[], file: string): Unit {
  const types: BtfType[] = [];
  const add = (type: BtfType): TypeId => types.push(type);
  const context = add({
    kind: "ptr",
    type: add({ kind: "struct", name: "xdp_md", size: 0, members: [], bitfields: false }),
  });
  // Nearly all of 255 stubs return `int`, and one prototype serves them all.
  const prototypes = new Map<string, TypeId>();
  const prototype = (returns: ReturnType): TypeId => {
    const key = identity(returns);
    let type = prototypes.get(key);
    if (type === undefined) {
      type = add({ kind: "func_proto", type: add(returns), params: [{ name: "ctx", type: context }] });
      prototypes.set(key, type);
    }
    return type;
  };

  const layoutOnce = once((instructions: DispatcherFunction["instructions"]) => {
    const code = layout(instructions);
    return { code, offsets: slotOffsets(code) };
  });
  const unitFunctions = functions.map((f): UnitFunction => {
    const { code, offsets } = layoutOnce(f.instructions);
    return {
      symbol: f.symbol,
      linkage: "global",
      code,
      type: add({ kind: "func", name: f.symbol, type: prototype(f.returns), linkage: "global" }),
      lines: f.lines.map(({ index, text }, line): LineInfo => ({
        offset: 8 * offsets[index]!,
        file,
        text,
        line: line + 1,
        column: 1,
      })),
      coreRelocations: [],
    };
  });
  return { name: "dispatcher", maps: [], functions: unitFunctions, data: [], btf: { types } };
}

/** Equal for equal types. No name holds the NUL that separates the fields. */
function identity(type: ReturnType): string {
  switch (type.kind) {
    case "int":
      return [type.kind, type.name, type.size, type.bits, type.bitOffset, type.encoding].join("\0");
    case "enum":
    case "enum64": {
      const values = type.values.flatMap(({ name, value }) => [name, value]);
      return [type.kind, type.name, type.size, type.signed, ...values].join("\0");
    }
  }
}

/** The unit with the manifest as a data section: two variables, so that `bpftool map dump` shows the JSON as text. */
export function withManifest(unit: Unit, manifest: Uint8Array): Unit {
  const types = [...unit.btf.types];
  const add = (type: BtfType): TypeId => types.push(type);
  const addOnce = (type: ReturnType): TypeId => {
    const known = types.findIndex((t) => t.kind === "int" && identity(t) === identity(type));
    return known < 0 ? add(type) : known + 1;
  };
  const int = addOnce(INT);
  const char = addOnce({ kind: "int", name: "char", size: 1, bits: 8, bitOffset: 0, encoding: 1 });
  const variable = (name: string, element: TypeId, length: number): TypeId =>
    add({ kind: "var", name, type: add({ kind: "array", type: element, indexType: int, length }), linkage: "static" });
  const json = manifest.length - MANIFEST_HEADER;
  const data: UnitData = {
    section: MANIFEST_SECTION,
    kind: "rodata",
    bytes: manifest,
    align: 8,
    variables: [
      { type: variable("xdpgen_header", int, MANIFEST_HEADER / 4), offset: 0, size: MANIFEST_HEADER },
      { type: variable("xdpgen_manifest", char, json), offset: MANIFEST_HEADER, size: json },
    ],
  };
  return { ...unit, data: [...unit.data, data], btf: { types } };
}
