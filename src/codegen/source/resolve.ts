/**
 * What becomes of names: which addresses are resolved and which become relocations, and to which symbol. It is as LLVM
 * decides it for BPF (BPFELFObjectWriter.cpp, BPFAsmBackend.cpp, shouldRelocateWithSymbol in ELFObjectWriter.cpp):
 *
 *     a jump, or a call of a local function of the same section     resolved
 *     an address in a place of this object that has a local name    the section's symbol; the offset is the addend
 *     anything else, and in sections that a linker may merge        the symbol itself
 */
import type { Span } from "../../diagnostic.ts";
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, CALL, type Instruction, LD_IMM64, formatInstruction } from "../asm/index.ts";
import { inReach, longForm } from "../asm/long-jumps.ts";
import { distanceField } from "../asm/opcodes.ts";
import {
  type ElfRelocation,
  R_BPF_64_32,
  R_BPF_64_64,
  R_BPF_64_ABS32,
  R_BPF_64_NODYLD32,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_MERGE,
  SHF_WRITE,
} from "../elf/index.ts";
import type { Fragment, Section } from "./assembly.ts";
import { type Base, Problem, type Value, locate } from "./expression.ts";
import type { Placed } from "./place.ts";
import type { SymbolTable } from "./symbols.ts";
import { called, isTemporary } from "./words.ts";

/** Resolves the names of one section and gathers its relocations. */
export class Resolver {
  readonly relocations: ElfRelocation[] = [];
  private readonly section: Section;
  private readonly placed: Placed;
  private readonly table: SymbolTable;
  private readonly alone: boolean;

  /** @param alone addresses of functions of the section are distances too */
  constructor(section: Section, placed: Placed, table: SymbolTable, alone: boolean) {
    this.section = section;
    this.placed = placed;
    this.table = table;
    this.alone = alone;
  }

  /**
   * The instruction without names: as one instruction, or as the long form of a jump.
   * @throws Problem when a name cannot be there
   */
  instruction(fragment: Fragment & { kind: "instruction" }, offset: number): Instruction[] {
    const { instruction, span, targetSpan } = fragment;
    const { target, symbol, label: _, ...plain } = instruction;
    const counted = this.placed.counted.get(fragment);
    if (target !== undefined || counted) {
      const distance = counted ? (locate(counted).offset - offset) / 8 - 1 : this.distance(target!, offset, targetSpan);
      const field = distanceField(instruction);
      if (field === undefined) throw new Problem("syntax", `\`${formatInstruction(instruction)}\` leads nowhere`);
      if (this.placed.far.has(fragment)) return longForm({ ...plain, off: distance });
      if (field === "off" && !inReach(distance)) {
        throw new Problem("too-far", `${target ?? "this"} is ${distance} slots away; a jump reaches -32768 to 32767`, {
          span: targetSpan,
          hint: "move it nearer, or allow long jumps (--long-jumps), which Linux 6.6 knows",
        });
      }
      return [{ ...plain, [field]: distance }];
    }
    if (symbol === undefined) return [plain];
    return [plain.opcode === CALL ? this.call(plain, symbol, offset, span) : this.address(plain, symbol, offset, span)];
  }

  /** Slots from behind the instruction at `offset` to a label of this section. */
  private distance(label: string, offset: number, span: Span): number {
    const { base } = this.placed.lookup(label, span);
    if (!base?.at) throw this.table.undefinedLabel(label, span);
    if (base.at.section !== this.section) {
      throw new Problem(
        "wrong-section",
        `${called(label)} is in section ${base.at.section.name}; a jump stays in its own`,
        {
          span,
        },
      );
    }
    return this.slots(base.at.offset, offset, label);
  }

  private slots(to: number, from: number, name: string): number {
    const distance = (to - from) / 8 - 1;
    if (Number.isInteger(distance)) return distance;
    throw new Problem("out-of-range", `${called(name)} is ${to - from} bytes away, not a number of whole slots of 8`);
  }

  private call(call: Instruction, symbol: string, offset: number, span: Span): Instruction {
    const { base, constant } = this.placed.lookup(symbol, span);
    if (!base) {
      throw new Problem("syntax", `${called(symbol)} is the number ${constant} and no function`, {
        hint: "write `call` and it",
      });
    }
    if (call.src !== BPF_PSEUDO_CALL) {
      if (this.relocate(R_BPF_64_32, offset, { base, constant }, span) === 0n) return call;
      throw new Problem("unsupported", `${called(symbol)} is a function of this text and no function of the kernel`);
    }
    // The immediate counts slots from behind the call, an address in bytes from before it.
    const addend = constant + BigInt(call.imm + 1) * 8n;
    if (this.isNear(base)) return { ...call, imm: this.slots(base.at!.offset + Number(addend), offset, symbol) };
    return {
      ...call,
      imm: this.slots(Number(this.relocate(R_BPF_64_32, offset, { base, constant: addend }, span)), 0, symbol),
    };
  }

  private address(load: Instruction, symbol: string, offset: number, span: Span): Instruction {
    if (load.opcode !== LD_IMM64) {
      throw new Problem("syntax", `\`${formatInstruction(load)}\` cannot hold the address of ${called(symbol)}`);
    }
    const { base, constant } = this.placed.lookup(symbol, span);
    const high = BigInt(load.immHigh ?? 0) << 32n;
    if (!base) {
      const number = constant + high + BigInt(load.imm);
      const [imm, immHigh] = [number, number >> 32n].map((part) => Number(BigInt.asIntN(32, part)));
      return { ...load, imm: imm!, immHigh: immHigh! };
    }
    const beyond = constant + BigInt(load.imm);
    if ((load.src === BPF_PSEUDO_FUNC || this.alone) && this.isNear(base)) {
      return { ...load, src: BPF_PSEUDO_FUNC, imm: this.slots(base.at!.offset + Number(beyond), offset, symbol) };
    }
    const addend = this.relocate(R_BPF_64_64, offset, { base, constant: beyond }, span);
    return { ...load, imm: Number(BigInt.asIntN(32, addend)) };
  }

  /** Whether an address is in this section whatever is linked to it. */
  private isNear(base: Base): boolean {
    return base.at?.section === this.section && this.table.isLocal(base);
  }

  /** Notes a relocation and returns what the patched field holds until then. */
  relocate(type: number, offset: number, { base, constant }: Value & { base: Base }, span: Span): bigint {
    const { at } = base;
    const merges = at !== undefined && (at.section.flags & SHF_MERGE) !== 0 && constant !== 0n;
    if (at && (base.kind !== "symbol" || (this.table.isLocal(base) && !merges))) {
      this.relocations.push({ offset, type, symbol: this.table.section(at.section) });
      return BigInt(at.offset) + constant;
    }
    if (!at && isTemporary(base.name)) throw this.table.undefinedLabel(base.name, span);
    this.relocations.push({ offset, type, symbol: this.table.symbol(base.name) });
    return constant;
  }
}

/** `.BTF` and `.BTF.ext` name places in code and data with relocations that no loader applies. */
export function typeIn32Bits({ kind, name, at }: Base): number {
  if (!at) return R_BPF_64_ABS32;
  const temporary = kind === "here" || (kind === "symbol" && isTemporary(name));
  const wanted = SHF_ALLOC | (temporary ? SHF_EXECINSTR : SHF_WRITE);
  return (at.section.flags & wanted) === wanted ? R_BPF_64_NODYLD32 : R_BPF_64_ABS32;
}
