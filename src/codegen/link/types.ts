/** The BTF and `.BTF.ext` of a linked object: those of its units, merged, renamed and moved along with their functions. */
import { XdpgenError } from "../../errors.ts";
import { mergeBtf } from "../btf/index.ts";
import type { BtfExt, BtfType, TypeId } from "../btf/types.ts";
import { MAPS, type Placed, type PlacedExtern, type PlacedMap, mapsSize } from "./place.ts";
import type { Unit } from "./unit.ts";
import { apart } from "./unsupported.ts";

export interface MergedTypes {
  readonly btf: readonly BtfType[];
  readonly ext: BtfExt;
  readonly types: ReadonlyMap<string, TypeId>;
}

/**
 * A unit that is alone keeps its types as they are.
 *
 * @throws XdpgenError `object-unsupported` where two units define a shared map, or declare a variable of the kernel,
 *   differently
 */
export function mergeTypes(
  units: readonly Unit[],
  placed: readonly Placed[],
  maps: readonly PlacedMap[],
  externs: readonly PlacedExtern[],
): MergedTypes {
  const merged =
    units.length > 1 ? mergeBtf(units.map((u, i) => ({ btf: u.btf, roots: rootsOf(u, i, externs) }))) : undefined;
  const id = (unit: number, type: TypeId): TypeId => (merged ? merged.ids[unit]!.get(type)! : type);
  const btf = [...(merged?.btf ?? units[0]!.btf).types];

  for (const p of placed) {
    const type = id(p.unit, p.function.type);
    const known = btf[type - 1] as BtfType & { kind: "func" };
    const { symbol: name, linkage } = p.function;
    if (known.name !== name || known.linkage !== linkage) btf[type - 1] = { ...known, name, linkage };
  }
  const definitions = new Map<string, TypeId>();
  units.forEach((unit, u) => {
    for (const map of unit.maps) {
      const type = id(u, map.type);
      const variable = btf[type - 1] as BtfType & { kind: "var" };
      const earlier = definitions.get(map.symbol);
      if (map.shared && earlier !== undefined && earlier !== variable.type) {
        throw new XdpgenError(
          "object-unsupported",
          `${unit.name}: map ${map.symbol} is pinned by name, and another program of the chain defines it differently; ` +
            "give the two one definition or two names",
        );
      }
      definitions.set(map.symbol, variable.type);
      btf[type - 1] = { ...variable, name: map.symbol, linkage: "global" };
    }
    for (const { type } of unit.data.flatMap((d) => d.variables)) {
      // libbpf wants a symbol for every global variable; a static one it takes at its word.
      const variable = btf[id(u, type) - 1] as BtfType & { kind: "var" };
      btf[id(u, type) - 1] = { ...variable, linkage: "static" };
    }
  });

  refuseDeclaredDifferently(units, externs, btf, id);

  if (maps.length > 0) {
    const vars = maps.map((m) => ({ type: id(m.unit, m.map.type), offset: m.offset, size: m.map.size }));
    btf.push({ kind: "datasec", name: MAPS, size: mapsSize(maps), vars });
  }
  units.forEach((unit, u) => {
    for (const d of unit.data) {
      if (d.variables.length === 0) continue;
      const vars = d.variables.map((v) => ({ ...v, type: id(u, v.type) })).toSorted((a, b) => a.offset - b.offset);
      btf.push({ kind: "datasec", name: d.section, size: d.bytes.length, vars });
    }
  });

  for (const name of [".kconfig", ".ksyms"]) {
    const wanted = externs.filter(({ extern }) => extern.section === name);
    if (wanted.length === 0) continue;
    // libbpf says where they lie, when it has found them.
    const vars = wanted.map(({ unit, extern }) => ({ type: id(unit, extern.type), offset: 0, size: extern.size }));
    btf.push({ kind: "datasec", name, size: 0, vars });
  }

  const ext: BtfExt = {
    funcInfo: bySection(placed, (p) => [{ offset: 0, type: id(p.unit, p.function.type) }]),
    lineInfo: bySection(placed, (p) => p.function.lines),
    coreRelocations: bySection(placed, (p) => {
      const own = p.function.coreRelocations.map((r) => ({ ...r, type: id(p.unit, r.type) }));
      const others = units.flatMap(({ inlined }, unit) =>
        inlined?.into === p.function.symbol
          ? inlined.coreRelocations.map((r) => ({ ...r, type: id(unit, r.type) }))
          : [],
      );
      return others.length === 0 ? own : [...own, ...others].toSorted((a, b) => a.offset - b.offset);
    }),
  };
  return { btf, ext, types: new Map(placed.map((p) => [p.function.symbol, id(p.unit, p.function.type)])) };
}

/**
 * The first unit's declaration is that of all. Of a variable the units must agree on the type, which says how the code
 * reads it; of a function the kernel's own type counts, so that a declaration may know more of it than another.
 */
function refuseDeclaredDifferently(
  units: readonly Unit[],
  externs: readonly PlacedExtern[],
  btf: readonly BtfType[],
  id: (unit: number, type: TypeId) => TypeId,
): void {
  const declared = new Map(externs.map((e) => [e.extern.symbol, e]));
  for (const [index, unit] of units.entries()) {
    for (const { symbol, section, type } of unit.externs) {
      const first = declared.get(symbol)!;
      const variable = unit.btf.types[type - 1]!;
      const known = btf[id(first.unit, first.extern.type) - 1]!;
      const agree =
        section === first.extern.section &&
        variable.kind === known.kind &&
        (variable.kind !== "var" || id(index, variable.type) === (known as typeof variable).type);
      if (agree) continue;
      throw new XdpgenError(
        "object-unsupported",
        `${unit.name}: ${symbol} of the kernel is declared differently in ${units[first.unit]!.name}; ` +
          `give the two one declaration; or ${apart("one of them")}`,
      );
    }
  }
}

/**
 * Everything of a unit's BTF that the linked object speaks of, and the tags on it. A declaration that an earlier unit has
 * too is left out, but for its type: the kernel takes none that no section lists.
 */
function rootsOf(unit: Unit, position: number, externs: readonly PlacedExtern[]): readonly TypeId[] {
  const first = new Set(externs.flatMap((e) => (e.unit === position ? [e.extern.symbol] : [])));
  const roots = new Set([
    ...unit.externs.flatMap(({ symbol, type }) => {
      if (first.has(symbol)) return [type];
      const declaration = unit.btf.types[type - 1]!;
      return declaration.kind === "var" ? [declaration.type] : [];
    }),
    ...unit.functions.flatMap((f) => [f.type, ...f.coreRelocations.map((r) => r.type)]),
    ...(unit.inlined?.coreRelocations ?? []).map((r) => r.type),
    ...unit.maps.map((m) => m.type),
    ...unit.data.flatMap((d) => d.variables.map((v) => v.type)),
  ]);
  unit.btf.types.forEach((type, index) => {
    if (type.kind === "decl_tag" && roots.has(type.type)) roots.add(index + 1);
  });
  return [...roots];
}

function bySection<T extends { readonly offset: number }>(
  placed: readonly Placed[],
  records: (p: Placed) => readonly T[],
): Map<string, readonly T[]> {
  const sections = new Map<string, T[]>();
  for (const p of placed) {
    for (const r of records(p)) {
      const list = sections.get(p.section) ?? [];
      list.push({ ...r, offset: r.offset + p.offset });
      sections.set(p.section, list);
    }
  }
  return sections;
}
