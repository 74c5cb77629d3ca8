/**
 * BTF types as plain values (Documentation/bpf/btf.rst; include/uapi/linux/btf.h).
 *
 * A `Btf` is a list of types; type id N is `types[N - 1]`, and id 0 is `void`. Names are strings here: the string table
 * exists only in encoded form. The empty string means "no name".
 */

/** 1-based index of a type; 0 is void. */
export type TypeId = number;

export interface Member {
  readonly name: string;
  readonly type: TypeId;
  /** Offset from the start of the struct, in bits. */
  readonly bitOffset: number;
  /** Width of a bit field in bits; 0 for an ordinary member. */
  readonly bitSize: number;
}

export type BtfType =
  | {
      readonly kind: "int";
      readonly name: string;
      /** Bytes. */
      readonly size: number;
      /** Of these, the bits that the value has. */
      readonly bits: number;
      /** The first of them, in bits. */
      readonly bitOffset: number;
      /** `BTF_INT_SIGNED` 1, `BTF_INT_CHAR` 2, `BTF_INT_BOOL` 4. */
      readonly encoding: number;
    }
  | { readonly kind: "ptr"; readonly type: TypeId }
  /** `length` elements of `type`. */
  | { readonly kind: "array"; readonly type: TypeId; readonly indexType: TypeId; readonly length: number }
  | {
      readonly kind: "struct" | "union";
      readonly name: string;
      /** Bytes. */
      readonly size: number;
      readonly members: readonly Member[];
      /** kind_flag: members carry bit sizes. */
      readonly bitfields: boolean;
    }
  | {
      readonly kind: "enum";
      readonly name: string;
      /** Bytes. */
      readonly size: number;
      /** kind_flag: of the values. */
      readonly signed: boolean;
      readonly values: readonly { readonly name: string; readonly value: number }[];
    }
  /** kind_flag: a union rather than a struct. */
  | { readonly kind: "fwd"; readonly name: string; readonly union: boolean }
  | { readonly kind: "typedef"; readonly name: string; readonly type: TypeId }
  | { readonly kind: "volatile" | "const" | "restrict"; readonly type: TypeId }
  | {
      readonly kind: "func";
      readonly name: string;
      readonly type: TypeId;
      readonly linkage: "static" | "global" | "extern";
    }
  | {
      readonly kind: "func_proto";
      readonly type: TypeId;
      readonly params: readonly { readonly name: string; readonly type: TypeId }[];
    }
  | {
      readonly kind: "var";
      readonly name: string;
      readonly type: TypeId;
      readonly linkage: "static" | "global" | "extern";
    }
  | {
      readonly kind: "datasec";
      readonly name: string;
      /** Bytes, as are the offsets and sizes of the variables. */
      readonly size: number;
      readonly vars: readonly { readonly type: TypeId; readonly offset: number; readonly size: number }[];
    }
  /** `size` in bytes. */
  | { readonly kind: "float"; readonly name: string; readonly size: number }
  | {
      readonly kind: "decl_tag";
      readonly name: string;
      readonly type: TypeId;
      /** -1: the declaration itself; else the index of the member or parameter. */
      readonly component: number;
      /** kind_flag: an attribute rather than a tag. */
      readonly attribute: boolean;
    }
  | { readonly kind: "type_tag"; readonly name: string; readonly type: TypeId; readonly attribute: boolean }
  | {
      readonly kind: "enum64";
      readonly name: string;
      /** Bytes. */
      readonly size: number;
      /** kind_flag: of the values. */
      readonly signed: boolean;
      readonly values: readonly { readonly name: string; readonly value: bigint }[];
    };

export interface Btf {
  readonly types: readonly BtfType[];
}

/** A function starts at `offset` and has the FUNC type `type`. */
export interface FuncInfo {
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly type: TypeId;
}

export interface LineInfo {
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly file: string;
  /** The source line's text. */
  readonly text: string;
  /** 1-based. */
  readonly line: number;
  readonly column: number;
}

/** A CO-RE relocation (include/uapi/linux/bpf.h, struct bpf_core_relo). */
export interface CoreRelocation {
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly type: TypeId;
  /** Access string, such as `0:1:2`. */
  readonly access: string;
  /** `enum bpf_core_relo_kind`. */
  readonly kind: number;
}

/** `.BTF.ext`: records by the name of the section that they describe, in order of offset. */
export interface BtfExt {
  readonly funcInfo: ReadonlyMap<string, readonly FuncInfo[]>;
  readonly lineInfo: ReadonlyMap<string, readonly LineInfo[]>;
  readonly coreRelocations: ReadonlyMap<string, readonly CoreRelocation[]>;
}
