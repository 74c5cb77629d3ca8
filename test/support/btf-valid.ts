/**
 * Random types that are valid by construction: the kernel loads them, and a C program could have them. In: random choices
 * and how many types. Out: types of all nineteen kinds.
 *
 * A type holds by value only types with lower ids, so nothing contains itself. A pointer may lead to any struct or union
 * with a name, and so circles close. The rest are the kernel's rules (kernel/bpf/btf.c, the `check_meta` functions) and C's.
 */
import type { Btf, BtfType, Member, TypeId } from "../../src/codegen/btf/index.ts";
import type { Random } from "./random.ts";

type Kind = BtfType["kind"];

/** What later types have to know of one. */
interface Known {
  readonly id: TypeId;
  readonly kind: Kind;
  /** Bytes; undefined if it has no size. */
  readonly size: number | undefined;
  readonly align: number;
  /** A struct or enum without a name is written where it is used, and C forbids that among parameters. */
  readonly nameless: boolean;
  /** How many types of the kernel's 32 it is deep. */
  readonly depth: number;
  /** What it is behind names and qualifiers. */
  readonly base: Kind;
}

const INTS = [
  ["char", 1, 1],
  ["unsigned char", 1, 0],
  ["short", 2, 1],
  ["unsigned short", 2, 0],
  ["int", 4, 1],
  ["unsigned int", 4, 0],
  ["long", 8, 1],
  ["unsigned long", 8, 0],
  ["long long", 8, 1],
  ["__int128", 16, 1],
  ["_Bool", 1, 4],
] as const;

/** Some kinds are worth more tries: all the rules are about members. */
const KINDS = (
  "int ptr ptr array struct struct struct struct union union enum enum64 fwd typedef typedef const volatile restrict " +
  "func_proto func var datasec float decl_tag type_tag"
).split(" ") as Kind[];

const MAX_DEPTH = 12;
const MAX_SIZE = 4096;

/** Kinds that not every kernel knows; a signed enum counts as one of 64 bits, since both came together. */
export type LateKind = "float" | "decl_tag" | "type_tag" | "enum64";

/**
 * About `count` types, 12 at the least.
 * @param without kinds to leave out
 */
export function validBtf(random: Random, count: number, without: ReadonlySet<LateKind> = new Set()): Btf {
  const kinds = KINDS.filter((kind) => !(without as ReadonlySet<Kind>).has(kind));
  const types: BtfType[] = [];
  const known: Known[] = [];
  /** Nameless structs that no struct has as a nameless member yet: twice would be two members of one name. */
  const open = new Set<TypeId>();
  const unplaced: { id: TypeId; size: number }[] = [];
  const add = (type: BtfType, about: Partial<Known> = {}): void => {
    types.push(type);
    const named = "name" in type && type.name !== "";
    known.push({
      id: types.length,
      kind: type.kind,
      size: undefined,
      align: 1,
      nameless: about.nameless ?? (!named && ["struct", "union", "enum", "enum64"].includes(type.kind)),
      depth: 1,
      base: type.kind,
      ...about,
    });
  };
  const addInt = (index: number): void => {
    const [name, size, encoding] = INTS[index]!;
    add({ kind: "int", name, size, bits: size * 8, bitOffset: 0, encoding }, { size, align: size });
  };
  const some = (suits: (type: Known) => boolean): Known | undefined => {
    for (let tries = 0; tries < 12; tries++) {
      const type = random.pick(known);
      if (type.depth < MAX_DEPTH && suits(type)) return type;
    }
    return undefined;
  };
  const isTag = ({ kind }: Known): boolean => kind === "type_tag";
  const isSized = (type: Known): boolean => type.size !== undefined && !isTag(type);
  const isReferable = (type: Known): boolean => !["func", "var", "datasec", "decl_tag"].includes(type.kind);
  const name = (id: number): string => (random.chance(0.3) ? "" : `t${id}`);
  /** Part of a function's type: what C's functions drop or turn into a pointer is left out. */
  const isPlain = (type: Known): boolean =>
    isSized(type) && !type.nameless && type.base !== "array" && !["const", "volatile", "restrict"].includes(type.kind);

  const makers: { readonly [K in Kind]: (id: TypeId) => void } = {
    int: () => addInt(random.int(INTS.length)),
    float: () => {
      const size = random.pick([4, 8]);
      add({ kind: "float", name: size === 4 ? "float" : "double", size }, { size, align: size });
    },
    ptr: () => {
      const to = random.chance(0.3) ? undefined : some(isReferable);
      // -1 becomes a struct's id when all are known.
      const type = to?.id ?? (random.chance(0.8) ? -1 : 0);
      add({ kind: "ptr", type }, { size: 8, align: 8, nameless: to?.nameless ?? false, depth: (to?.depth ?? 0) + 1 });
    },
    array: () => {
      const of = some((type) => isSized(type) && type.size! <= MAX_SIZE / 8);
      const index = known.find(({ kind }) => kind === "int");
      if (!of || !index) return;
      const length = random.int(8);
      add(
        { kind: "array", type: of.id, indexType: index.id, length },
        { ...of, ...own("array", of, of.size! * length) },
      );
    },
    struct: (id) => addRecord(id, "struct"),
    union: (id) => addRecord(id, "union"),
    enum: (id) => {
      const signed = random.chance(0.5) && !without.has("enum64");
      const size = random.pick([1, 2, 4, 4, 4, 8]);
      const bits = Math.min(size * 8, 32);
      const values = Array.from({ length: 1 + random.int(4) }, (_, index) => {
        const value = random.bits32() >>> (32 - bits);
        return { name: `E${id}_${index}`, value: signed ? value - 2 ** (bits - 1) : value };
      });
      add({ kind: "enum", name: name(id), size, signed, values }, { size, align: size });
    },
    enum64: (id) => {
      const signed = random.chance(0.5);
      const values = Array.from({ length: 1 + random.int(3) }, (_, index) => {
        const value = (BigInt(random.bits32()) << 32n) | BigInt(random.bits32());
        return { name: `E${id}_${index}`, value: signed ? BigInt.asIntN(64, value) : value };
      });
      if (random.chance(0.2)) values[0]!.value = signed ? -(2n ** 63n) : 2n ** 64n - 1n;
      add({ kind: "enum64", name: name(id), size: 8, signed, values }, { size: 8, align: 8 });
    },
    fwd: (id) => add({ kind: "fwd", name: `t${id}`, union: random.chance(0.5) }),
    typedef: (id) => {
      const to = random.chance(0.05) ? undefined : some((type) => isReferable(type) && !isTag(type));
      add({ kind: "typedef", name: `t${id}`, type: to?.id ?? 0 }, { ...to, ...own("typedef", to), nameless: false });
    },
    const: () => addQualifier("const"),
    volatile: () => addQualifier("volatile"),
    restrict: () => {
      const to = some(({ id }) => {
        const type = types[id - 1]!;
        return type.kind === "ptr" && known[type.type - 1]?.base !== "func_proto";
      });
      if (to) add({ kind: "restrict", type: to.id }, { ...to, ...own("restrict", to) });
    },
    type_tag: (id) => {
      // A tag is on what a pointer points to, before any qualifier.
      const to = some((type) => isReferable(type) && type.base !== "func_proto" && type.base !== "array");
      if (to)
        add({ kind: "type_tag", name: `tag${id}`, type: to.id, attribute: false }, { ...to, ...own("type_tag", to) });
    },
    func_proto: () => addPrototype(),
    func: (id) => {
      const { id: type } = addPrototype();
      add({ kind: "func", name: `f${id}`, type, linkage: random.pick(["static", "global"]) });
    },
    var: (id) => {
      const of = some(isSized);
      if (!of) return;
      unplaced.push({ id: types.length + 1, size: of.size! });
      add({ kind: "var", name: `v${id}`, type: of.id, linkage: random.pick(["static", "global"]) });
    },
    datasec: (id) => {
      let end = 0;
      const vars = unplaced.splice(0, 1 + random.int(4)).map(({ id: type, size: bytes }) => {
        const offset = end + random.int(9);
        const size = Math.max(1, bytes);
        end = offset + size;
        return { type, offset, size };
      });
      if (vars.length > 0) add({ kind: "datasec", name: `.s${id}`, size: end + random.int(9), vars });
    },
    decl_tag: (id) => {
      const on = some(({ kind }) => ["struct", "union", "func", "var", "typedef"].includes(kind));
      if (!on) return;
      const type = types[on.id - 1]!;
      const parts = "members" in type ? type.members.length : 0;
      const component = random.int(parts + 1) - 1;
      add({ kind: "decl_tag", name: `tag${id}`, type: on.id, component, attribute: false });
    },
  };

  const own = (kind: Kind, of?: Known, size = of?.size): Partial<Known> => ({
    id: types.length + 1,
    kind,
    size,
    depth: (of?.depth ?? 0) + 1,
    base: kind === "array" ? kind : (of?.base ?? kind),
  });
  const addQualifier = (kind: "const" | "volatile"): void => {
    const to = some((type) => isReferable(type) && !isTag(type) && type.base !== "func_proto");
    if (to) add({ kind, type: to.id }, { ...to, ...own(kind, to) });
  };
  const addPrototype = (): { id: TypeId } => {
    const params = Array.from({ length: random.int(5) }, (_, index) => ({ name: `a${index}`, of: some(isPlain) }));
    const used = params.flatMap(({ name: text, of }) => (of ? [{ name: text, type: of.id }] : []));
    if (used.length > 0 && random.chance(0.2)) used.push({ name: "", type: 0 });
    const returned = random.chance(0.3) ? undefined : some(isPlain);
    const depth = Math.max(0, ...params.map(({ of }) => of?.depth ?? 0), returned?.depth ?? 0) + 1;
    add({ kind: "func_proto", type: returned?.id ?? 0, params: used }, { depth });
    return { id: types.length };
  };

  const addRecord = (id: TypeId, kind: "struct" | "union"): void => {
    const recordName = name(id);
    const bitfields = random.chance(0.5);
    const packed = random.chance(0.3);
    const members: Member[] = [];
    let end = 0;
    let cursor = 0;
    let depth = 0;
    let align = 1;
    const wanted = random.int(6);
    for (let index = 0; index < wanted; index++) {
      const of = some((type) => isSized(type) && type.size! <= MAX_SIZE / 4 && (!type.nameless || random.chance(0.5)));
      if (!of) continue;
      const bits = of.size! * 8;
      const isEnum = of.base === "enum" || of.base === "enum64";
      // In a struct with bit fields the kernel takes every enum for an int.
      if (isEnum && bitfields && bits < 32) continue;
      const most = isEnum ? 32 : of.base === "int" && bits <= 64 ? (isBool(of) ? 1 : bits) : 0;
      const bitSize = bitfields && most > 0 && random.chance(0.6) ? 1 + random.int(most) : 0;
      // The kernel wants numbers with a point aligned, whatever the struct.
      const unit = bitSize > 0 ? 1 : packed && of.base !== "float" ? 8 : 8 * of.align;
      const gap = random.chance(0.2) ? random.int(200) : 0;
      let bitOffset = kind === "union" ? 0 : Math.ceil((cursor + gap) / unit) * unit;
      if (bitSize > 0 && !packed && kind === "struct" && (bitOffset % bits) + bitSize > bits) {
        bitOffset = Math.ceil(bitOffset / bits) * bits;
      }
      const isOpen = open.has(of.id) && random.chance(0.7);
      if (isOpen) open.delete(of.id);
      members.push({ name: isOpen ? "" : `m${id}_${index}`, type: of.id, bitOffset, bitSize });
      cursor = bitOffset + (bitSize || bits);
      end = Math.max(end, cursor);
      align = Math.max(align, packed ? 1 : of.align);
      depth = Math.max(depth, of.depth);
    }
    const padding = random.chance(0.2) ? random.int(40) : 0;
    const size = Math.ceil((Math.ceil(end / 8) + padding) / align) * align;
    add({ kind, name: recordName, size, bitfields, members }, { size, align, depth: depth + 1 });
    if (recordName === "") open.add(types.length);
  };
  const isBool = ({ id, base }: Known): boolean => base === "int" && boolOf(types, id);

  for (let index = 0; index < INTS.length; index++) addInt(index);
  while (types.length < count) makers[random.pick(kinds)](types.length + 1);
  const targets = types.flatMap((type, index) => ("members" in type && type.name !== "" ? [index + 1] : []));
  const close = (type: BtfType): BtfType =>
    type.kind === "ptr" && type.type < 0 ? { ...type, type: targets.length > 0 ? random.pick(targets) : 0 } : type;
  return { types: types.map(close) };
}

/** `_Bool` has one bit, whatever is said of its size. */
function boolOf(types: readonly BtfType[], start: TypeId): boolean {
  let type = types[start - 1];
  while (type && type.kind !== "int" && "type" in type) type = types[type.type - 1];
  return type?.kind === "int" && type.encoding === 4;
}
