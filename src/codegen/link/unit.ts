/**
 * What the linker works on. A `Unit` is one contribution to the linked object, the dispatcher or a program: functions,
 * maps, data sections, and the BTF that describes them. Names in a unit are final; offsets and type ids are still its own.
 */
import type { Instruction } from "../asm/index.ts";
import type { Btf, CoreRelocation, LineInfo, TypeId } from "../btf/types.ts";

export interface UnitFunction {
  /** Name in the linked object: of the ELF symbol and of the FUNC type. */
  readonly symbol: string;
  /** BTF linkage. A global function is verified once, on its own; a static one with each caller. */
  readonly linkage: "global" | "static";
  /** Laid out; a reference to anything outside the function is its `symbol`, with `imm` as the addend. */
  readonly code: readonly Instruction[];
  /** Its FUNC type in the unit's BTF. */
  readonly type: TypeId;
  /** Offsets from the start of the function. The first is 0. */
  readonly lines: readonly LineInfo[];
  /** Offsets from the start of the function. */
  readonly coreRelocations: readonly CoreRelocation[];
  /** A program of its own, which a map of programs names: it is entered by tail calls and lies beside the main function. */
  readonly tailCalled?: boolean;
}

export interface UnitMap {
  /** Name in the linked object. */
  readonly symbol: string;
  /** Its VAR type in the unit's BTF. */
  readonly type: TypeId;
  /** Bytes of its definition in `.maps`; all zero but for the addresses in `values`. */
  readonly size: number;
  /** What the map holds from the start: a map or a function at an offset from the start of the definition, in bytes. */
  readonly values: readonly { readonly offset: number; readonly symbol: string }[];
  /** Pinned by name (`LIBBPF_PIN_BY_NAME`): one map for all units that define it. */
  readonly shared: boolean;
}

export interface UnitData {
  /** Name of the section in the linked object, `.rodata.denylist`. */
  readonly section: string;
  readonly kind: "rodata" | "data";
  readonly bytes: Uint8Array;
  readonly align: number;
  /** Variables: VAR types of the unit's BTF and where they lie. */
  readonly variables: readonly { readonly type: TypeId; readonly offset: number; readonly size: number }[];
}

/** What libbpf finds in the kernel for an object that it loads. One name is one thing for all units. */
export interface UnitExtern {
  readonly symbol: string;
  readonly section: ".kconfig" | ".ksyms";
  /** Its VAR or FUNC type in the unit's BTF. */
  readonly type: TypeId;
  /** As the section's BTF says; 0 for a function. */
  readonly size: number;
  /** Whether the object is loaded where the kernel does not have it. */
  readonly weak: boolean;
}

export interface Unit {
  /** `dispatcher`, or the name of a program; for messages. */
  readonly name: string;
  readonly btf: Btf;
  readonly functions: readonly UnitFunction[];
  /** Where code of this unit lies in a function of another one, and its records there. */
  readonly inlined?: {
    /** The function's symbol. */
    readonly into: string;
    /** Offsets from the start of that function; types of this unit. */
    readonly coreRelocations: readonly CoreRelocation[];
  };
  readonly maps: readonly UnitMap[];
  readonly data: readonly UnitData[];
  readonly externs: readonly UnitExtern[];
}
