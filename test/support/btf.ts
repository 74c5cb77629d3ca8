/** Types of all kinds: one list by hand, and any list at random, references in circles included. */
import fc from "fast-check";
import type { Btf, BtfExt, BtfType, TypeId } from "../../src/codegen/btf/index.ts";

/** Every kind at least once; ids in the comments. */
export const ALL_KINDS: Btf = {
  types: [
    /* 1 */ { kind: "int", name: "int", size: 4, bits: 32, bitOffset: 0, encoding: 1 },
    /* 2 */ { kind: "ptr", type: 4 },
    /* 3 */ { kind: "array", type: 1, indexType: 1, length: 5 },
    /* 4 */ {
      kind: "struct",
      name: "node",
      size: 40,
      bitfields: true,
      members: [
        { name: "next", type: 2, bitOffset: 0, bitSize: 0 },
        { name: "low", type: 1, bitOffset: 64, bitSize: 5 },
        { name: "", type: 5, bitOffset: 96, bitSize: 0 },
      ],
    },
    /* 5 */ {
      kind: "union",
      name: "",
      size: 20,
      bitfields: false,
      members: [
        { name: "many", type: 3, bitOffset: 0, bitSize: 0 },
        { name: "one", type: 16, bitOffset: 0, bitSize: 0 },
      ],
    },
    /* 6 */ {
      kind: "enum",
      name: "mood",
      size: 4,
      signed: true,
      values: [
        { name: "CALM", value: 1 },
        { name: "ANGRY", value: -2 },
      ],
    },
    /* 7 */ { kind: "fwd", name: "later", union: true },
    /* 8 */ { kind: "typedef", name: "mood_t", type: 6 },
    /* 9 */ { kind: "volatile", type: 8 },
    /* 10 */ { kind: "const", type: 9 },
    /* 11 */ { kind: "restrict", type: 2 },
    /* 12 */ { kind: "func", name: "main", type: 13, linkage: "global" },
    /* 13 */ {
      kind: "func_proto",
      type: 1,
      params: [
        { name: "n", type: 11 },
        { name: "", type: 0 },
      ],
    },
    /* 14 */ { kind: "var", name: "limit", type: 10, linkage: "static" },
    /* 15 */ { kind: "datasec", name: ".rodata", size: 8, vars: [{ type: 14, offset: 4, size: 4 }] },
    /* 16 */ { kind: "float", name: "double", size: 8 },
    /* 17 */ { kind: "decl_tag", name: "arg:nonnull", type: 12, component: 0, attribute: false },
    /* 18 */ { kind: "type_tag", name: "rcu", type: 4, attribute: false },
    /* 19 */ {
      kind: "enum64",
      name: "wide",
      size: 8,
      signed: false,
      values: [
        { name: "HUGE", value: 2n ** 64n - 1n },
        { name: "ONE", value: 1n },
      ],
    },
    /* 20 */ { kind: "enum64", name: "", size: 8, signed: true, values: [{ name: "LEAST", value: -(2n ** 63n) }] },
    /* 21 */ { kind: "ptr", type: 18 },
    /* 22 */ { kind: "decl_tag", name: "whole", type: 4, component: -1, attribute: false },
    /* 23 */ { kind: "enum", name: "flags", size: 4, signed: false, values: [{ name: "TOP", value: 0xffff_ffff }] },
  ],
};

export const SOME_EXT: BtfExt = {
  funcInfo: new Map([["xdp", [{ offset: 0, type: 12 }]]]),
  lineInfo: new Map([
    ["xdp", [{ offset: 0, file: "a.c", text: "int main() // é", line: 3, column: 1023 }]],
    ["xdp.frags", [{ offset: 8, file: "a.c", text: "", line: 0x3f_ffff, column: 0 }]],
  ]),
  coreRelocations: new Map([["xdp", [{ offset: 16, type: 4, access: "0:1:2", kind: 0 }]]]),
};

const size = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 0xffff_ffff }));
const name = fc.oneof(
  fc.constantFrom("", "a", "b", "c"),
  fc.string({ maxLength: 6 }).map((s) => s.replaceAll("\0", "")),
);
const linkage = fc.constantFrom("static", "global", "extern");
const flag = fc.boolean();
const few = { maxLength: 3 };

/** A type that refers to `count` others. */
export function anyType(count: number): fc.Arbitrary<BtfType> {
  const type: fc.Arbitrary<TypeId> = fc.integer({ min: 0, max: count });
  const member = (bitfields: boolean) =>
    fc.record({
      name,
      type,
      bitOffset: fc.integer({ min: 0, max: bitfields ? 0xff_ffff : 0xffff_ffff }),
      bitSize: fc.integer({ min: 0, max: bitfields ? 0xff : 0 }),
    });
  const kind = <K extends BtfType["kind"]>(...kinds: K[]): fc.Arbitrary<K> => fc.constantFrom(...kinds);
  return fc.oneof(
    fc.record({
      kind: kind("int"),
      name,
      size: fc.constantFrom(1, 2, 4, 8),
      bits: fc.integer({ min: 0, max: 255 }),
      bitOffset: fc.integer({ min: 0, max: 255 }),
      encoding: fc.integer({ min: 0, max: 15 }),
    }),
    fc.record({ kind: kind("ptr", "volatile", "const", "restrict"), type }),
    fc.record({ kind: kind("array"), type, indexType: type, length: size }),
    flag.chain((bitfields) =>
      fc.record({
        kind: kind("struct", "union"),
        name,
        size,
        bitfields: fc.constant(bitfields),
        members: fc.array(member(bitfields), few),
      }),
    ),
    flag.chain((signed) =>
      fc.record({
        kind: kind("enum"),
        name,
        size,
        signed: fc.constant(signed),
        values: fc.array(fc.record({ name, value: fc.integer(signed ? {} : { min: 0, max: 0xffff_ffff }) }), few),
      }),
    ),
    flag.chain((signed) =>
      fc.record({
        kind: kind("enum64"),
        name,
        size,
        signed: fc.constant(signed),
        values: fc.array(
          fc.record({
            name,
            value: signed ? fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) : fc.bigInt(0n, 2n ** 64n - 1n),
          }),
          few,
        ),
      }),
    ),
    fc.record({ kind: kind("fwd"), name, union: flag }),
    fc.record({ kind: kind("typedef"), name, type }),
    fc.record({ kind: kind("func", "var"), name, type, linkage }),
    fc.record({ kind: kind("func_proto"), type, params: fc.array(fc.record({ name, type }), few) }),
    fc.record({ kind: kind("datasec"), name, size, vars: fc.array(fc.record({ type, offset: size, size }), few) }),
    fc.record({ kind: kind("float"), name, size }),
    fc.record({ kind: kind("decl_tag"), name, type, component: fc.integer({ min: -1, max: 9 }), attribute: flag }),
    fc.record({ kind: kind("type_tag"), name, type, attribute: flag }),
  );
}

/** Any list of types; few names, so that some are equal. */
export const anyBtf: fc.Arbitrary<Btf> = fc
  .integer({ min: 0, max: 25 })
  .chain((count) => fc.array(anyType(count), { minLength: count, maxLength: count }))
  .map((types) => ({ types }));

export const anyExt = (typeCount: number): fc.Arbitrary<BtfExt> => {
  const type = fc.integer({ min: 0, max: typeCount });
  const offset = fc.integer({ min: 0, max: 0xffff_ffff });
  const map = <T>(record: fc.Arbitrary<T>): fc.Arbitrary<ReadonlyMap<string, readonly T[]>> =>
    fc
      .uniqueArray(fc.tuple(name, fc.array(record, { minLength: 1, maxLength: 4 })), { ...few, selector: ([n]) => n })
      .map((entries) => new Map(entries));
  return fc.record({
    funcInfo: map(fc.record({ offset, type })),
    lineInfo: map(
      fc.record({
        offset,
        file: name,
        text: name,
        line: fc.integer({ min: 0, max: 0x3f_ffff }),
        column: fc.integer({ min: 0, max: 0x3ff }),
      }),
    ),
    coreRelocations: map(fc.record({ offset, type, access: name, kind: fc.integer({ min: 0, max: 20 }) })),
  });
};

/** A CO-RE relocation of every kind that clang 14 makes, on paths of every sort. */
export const CORE_SOURCE = `
  #define SEC(name) __attribute__((section(name), used))
  #pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
  typedef unsigned int u32;
  struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
  struct list_head { struct list_head *next, *prev; };
  struct inner { int a; struct { char c[16]; union { u32 x; struct list_head l[3]; }; }; u32 b1 : 3, b2 : 5; };
  typedef struct { int p; struct inner in[2]; } alias_t;
  struct task_struct { int pid; char comm[16]; };
  enum mood { CALM = 1, ANGRY = 7 };
  #pragma clang attribute pop
  SEC("xdp") int first(struct xdp_md *ctx) {
    alias_t *t = (void *)(long)ctx->data;
    struct inner *i = (void *)(long)ctx->data;
    struct task_struct *k = (void *)(long)ctx->data_end;
    long s = t->in[1].l[2].prev != 0;
    s += i[3].c[5] + k->comm[2] + k->pid;
    s += __builtin_preserve_field_info(i->b2, 0) + __builtin_preserve_field_info(i->b2, 1);
    s += __builtin_preserve_field_info(i->b2, 2) + __builtin_preserve_field_info(i->b2, 3);
    s += __builtin_preserve_field_info(i->b2, 4) + __builtin_preserve_field_info(i->b2, 5);
    s += __builtin_btf_type_id(*t, 0) + __builtin_btf_type_id(*k, 1);
    s += __builtin_preserve_type_info(*k, 0) + __builtin_preserve_type_info(*(alias_t *)0, 1);
    s += __builtin_preserve_enum_value(*(enum mood *)ANGRY, 0) + __builtin_preserve_enum_value(*(enum mood *)CALM, 1);
    return s;
  }
  char _license[] SEC("license") = "GPL";
`;
