/**
 * The BTF signature of a function, and what the kernel makes of it: a global subprogram and a freplace target must take
 * `struct xdp_md *` and return an integer or enum, and an extension must return the same kind as its target
 * (kernel/bpf/btf.c, btf_check_func_type_match and btf_prepare_func_args).
 */
import type { Btf, BtfExt, BtfType, TypeId } from "../btf/types.ts";

/** `int f(struct xdp_md *ctx)` for `entries`, and `int f(void)`, static, for the rest. */
export function syntheticBtf(
  functions: readonly {
    readonly name: string;
    readonly section: string;
    readonly offset: number;
    readonly entry: boolean;
  }[],
): { readonly btf: Btf; readonly ext: BtfExt } {
  const types: BtfType[] = [
    { kind: "int", name: "int", size: 4, bits: 32, bitOffset: 0, encoding: 1 },
    { kind: "struct", name: "xdp_md", size: 0, members: [], bitfields: false },
    { kind: "ptr", type: 2 },
    { kind: "func_proto", type: 1, params: [{ name: "ctx", type: 3 }] },
    { kind: "func_proto", type: 1, params: [] },
  ];
  const funcInfo = new Map<string, { offset: number; type: TypeId }[]>();
  for (const f of functions) {
    types.push({ kind: "func", name: f.name, type: f.entry ? 4 : 5, linkage: f.entry ? "global" : "static" });
    funcInfo.set(f.section, [...(funcInfo.get(f.section) ?? []), { offset: f.offset, type: types.length }]);
  }
  return { btf: { types }, ext: { funcInfo, lineInfo: new Map(), coreRelocations: new Map() } };
}

/** Past modifiers, typedefs and type tags. Undefined for void and for a type that is not there. */
export function resolveType(btf: Btf, id: TypeId): BtfType | undefined {
  // Valid BTF has no cycle here; the bound is for BTF that is not valid.
  for (let depth = 0; depth < 64; depth++) {
    const type = btf.types[id - 1];
    switch (type?.kind) {
      case "const":
      case "volatile":
      case "restrict":
      case "typedef":
      case "type_tag":
        id = type.type;
        break;
      default:
        return type;
    }
  }
  return undefined;
}

/** What a stub must return so that the kernel lets the function replace it. */
export type ReturnType = Extract<BtfType, { kind: "int" | "enum" | "enum64" }>;

/** The return type, if a global subprogram may have it. */
export function returnType(btf: Btf, func: TypeId): ReturnType | undefined {
  const type = prototype(btf, func);
  const result = type && resolveType(btf, type.type);
  return result?.kind === "int" || result?.kind === "enum" || result?.kind === "enum64" ? result : undefined;
}

/** Whether the function can be a global subprogram that is called with the context. */
export function isDispatchable(btf: Btf, func: TypeId): boolean {
  const params = prototype(btf, func)?.params;
  if (!params || params.length !== 1 || params[0]!.name === "" || !returnType(btf, func)) return false;
  const pointer = resolveType(btf, params[0]!.type);
  const pointee = pointer?.kind === "ptr" ? resolveType(btf, pointer.type) : undefined;
  return pointee?.kind === "struct" && pointee.name === "xdp_md";
}

function prototype(btf: Btf, func: TypeId): Extract<BtfType, { kind: "func_proto" }> | undefined {
  const type = btf.types[func - 1];
  const proto = type?.kind === "func" ? btf.types[type.type - 1] : undefined;
  return proto?.kind === "func_proto" ? proto : undefined;
}
