/** The dispatcher's own contribution to the linked object: main function, stubs, manifest, and BTF for them. */
import { layout, slotOffsets } from "../asm/index.ts";
import type { BtfType, LineInfo, TypeId } from "../btf/types.ts";
import type { Unit, UnitData, UnitFunction, UnitMap } from "../link/unit.ts";
import type { ReturnType } from "../object/signature.ts";
import { once } from "../once.ts";
import { type DispatcherFunction, INT } from "./function.ts";
import { MANIFEST_HEADER, MANIFEST_SECTION } from "./manifest.ts";
import { TRACE_SECTION, traceSize } from "./trace.ts";

/** What line records of a dispatcher's own code give as the source file. */
export function sourceOfChain(chain: string): string {
  return `chain ${chain}`;
}

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
      lines: f.lines.map(({ index, text, source }, line): LineInfo => {
        const offset = 8 * offsets[index]!;
        return source ? { ...source, offset } : { offset, file, text, line: line + 1, column: 1 };
      }),
      coreRelocations: [],
    };
  });
  return { name: "dispatcher", maps: [], functions: unitFunctions, data: [], externs: [], btf: { types } };
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
  const json = manifest.length - MANIFEST_HEADER;
  return withData(unit, { section: MANIFEST_SECTION, kind: "rodata", bytes: manifest }, [
    { name: "xdpgen_header", type: INT, length: MANIFEST_HEADER / 4 },
    { name: "xdpgen_manifest", type: { ...INT, name: "char", size: 1, bits: 8 }, length: json },
  ]);
}

/** The unit with room for the records of a traced packet. */
export function withTrace(unit: Unit, nodes: number): Unit {
  const bytes = new Uint8Array(traceSize(nodes));
  return withData(unit, { section: TRACE_SECTION, kind: "data", bytes }, [
    { name: "xdpgen_trace", type: INT, length: bytes.length / INT.size },
  ]);
}

type Int = ReturnType & { readonly kind: "int" };

/** A copy of the unit's types that grows. */
function extendTypes(unit: Unit) {
  const types = [...unit.btf.types];
  const add = (type: BtfType): TypeId => types.push(type);
  /** An integer that functions may have brought already. */
  const addOnce = (type: Int): TypeId => {
    const known = types.findIndex((t) => t.kind === "int" && identity(t) === identity(type));
    return known < 0 ? add(type) : known + 1;
  };
  return { types, add, addOnce };
}

interface MapTypes {
  /** Adds a type; its id. */
  readonly add: (type: BtfType) => TypeId;
  /** An integer that may be there already. */
  readonly addOnce: (type: Int) => TypeId;
  /** What stands for a number, which libbpf takes for the length of an array. */
  readonly number: (value: number) => TypeId;
  readonly pointer: (type: TypeId) => TypeId;
}

/**
 * The unit with one map more.
 *
 * @param members of its definition, in the words of libbpf: `type`, `max_entries`, …
 */
export function withMap(
  unit: Unit,
  symbol: string,
  members: (types: MapTypes) => readonly (readonly [name: string, type: TypeId])[],
): Unit {
  const { types, add, addOnce } = extendTypes(unit);
  const int = addOnce(INT);
  const pointer = (type: TypeId): TypeId => add({ kind: "ptr", type });
  const number = (length: number): TypeId => pointer(add({ kind: "array", type: int, indexType: int, length }));
  const defined = members({ add, addOnce, number, pointer });
  const size = 8 * defined.length;
  const definition = add({
    kind: "struct",
    name: "",
    size,
    members: defined.map(([name, type], index) => ({ name, type, bitOffset: 64 * index, bitSize: 0 })),
    bitfields: false,
  });
  const type = add({ kind: "var", name: symbol, type: definition, linkage: "global" });
  const map: UnitMap = { symbol, type, size, shared: false, values: [] };
  return { ...unit, maps: [...unit.maps, map], btf: { types } };
}

interface Variable {
  readonly name: string;
  /** Of an element. */
  readonly type: Int;
  /** Elements of the array. */
  readonly length: number;
}

/** @param variables one behind the other, which fill the section */
function withData(
  unit: Unit,
  section: Pick<UnitData, "section" | "kind" | "bytes">,
  variables: readonly Variable[],
): Unit {
  const { types, add, addOnce } = extendTypes(unit);
  const indexType = addOnce(INT);
  const elements = variables.map(({ type }) => addOnce(type));
  let end = 0;
  const placed = variables.map(({ name, type, length }, index) => {
    const array = add({ kind: "array", type: elements[index]!, indexType, length });
    const offset = end;
    end += length * type.size;
    return { type: add({ kind: "var", name, type: array, linkage: "static" }), offset, size: end - offset };
  });
  const data: UnitData = { ...section, align: 8, variables: placed };
  return { ...unit, data: [...unit.data, data], btf: { types } };
}
