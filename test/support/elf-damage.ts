/**
 * Damage done to an object where it hurts. In: the bytes of an object, and random choices. Out: the same bytes with fields
 * of its headers, symbols and relocations overwritten, sections laid on each other, the end cut off.
 */
import { EHDR_SIZE, REL_SIZE, SHDR_SIZE, SHT_REL, SHT_SYMTAB, SYM_SIZE } from "../../src/codegen/elf/index.ts";
import { showBytes, shrinkList } from "../fuzz/shrink.ts";
import { type Random, random } from "./random.ts";

/** One change; damage is a list of them, so that those that do not matter can be taken back. */
type Edit =
  | { readonly kind: "write"; readonly at: number; readonly width: 1 | 2 | 4 | 8; readonly value: bigint }
  | { readonly kind: "length"; readonly length: number };

interface Field {
  readonly at: number;
  readonly width: 1 | 2 | 4 | 8;
}

/** The bytes after all edits. */
function damaged(object: Uint8Array, edits: readonly Edit[]): Uint8Array {
  const length = edits.reduce((now, edit) => (edit.kind === "length" ? edit.length : now), object.length);
  const bytes = new Uint8Array(Math.max(length, object.length));
  bytes.set(object);
  for (const edit of edits) {
    if (edit.kind === "length") continue;
    for (let i = 0; i < edit.width; i++) bytes[edit.at + i] = Number((edit.value >> BigInt(8 * i)) & 0xffn);
  }
  return bytes.subarray(0, length);
}

/** Draws damage for one object, whose fields are looked up once. */
function damager(object: Uint8Array): (from: Random) => Edit[] {
  const view = new DataView(object.buffer, object.byteOffset, object.byteLength);
  const table = Number(view.getBigUint64(0x28, true));
  const headers = Array.from({ length: view.getUint16(0x3c, true) }, (_, index) => table + index * SHDR_SIZE);
  const fields = fieldsOf(view, headers);
  const place = (from: Random): Edit[] => {
    // One section lies where another does, or begins within it.
    const [to, other] = [from.pick(headers), from.pick(headers)];
    const offset = view.getBigUint64(other + 0x18, true) + BigInt(from.int(2) * 8);
    const size = view.getBigUint64(other + 0x20, true);
    return [
      { kind: "write", at: to + 0x18, width: 8, value: offset },
      ...(from.chance(0.5) ? [{ kind: "write", at: to + 0x20, width: 8, value: size } as const] : []),
    ];
  };
  const change = (from: Random): Edit[] => {
    if (from.chance(0.1)) return place(from);
    if (from.chance(0.05)) return [{ kind: "length", length: from.int(object.length + 64) }];
    const field: Field = from.chance(0.8)
      ? from.pick(fields)
      : { at: from.int(object.length - 8), width: from.pick([1, 2, 4, 8] as const) };
    return [{ kind: "write", ...field, value: tellingValue(from, field.width, object.length) }];
  };
  return (from) => Array.from({ length: 1 + from.int(4) }, () => change(from)).flat();
}

function fieldsOf(view: DataView, headers: readonly number[]): readonly Field[] {
  const fields: Field[] = [
    ...[0x10, 0x12, 0x34, 0x3a, 0x3c, 0x3e].map((at): Field => ({ at, width: 2 })),
    { at: 0x28, width: 8 },
    ...[4, 5, 6].map((at): Field => ({ at, width: 1 })),
  ];
  const entry = (at: number, widths: readonly (1 | 2 | 4 | 8)[]): void => {
    for (const width of widths) {
      fields.push({ at, width });
      at += width;
    }
  };
  for (const header of headers) {
    entry(header, [4, 4, 8, 8, 8, 8, 4, 4, 8, 8]);
    const type = view.getUint32(header + 4, true);
    const start = Number(view.getBigUint64(header + 0x18, true));
    const end = start + Number(view.getBigUint64(header + 0x20, true));
    if (type === SHT_SYMTAB) for (let at = start; at < end; at += SYM_SIZE) entry(at, [4, 1, 1, 2, 8, 8]);
    if (type === SHT_REL) for (let at = start; at < end; at += REL_SIZE) entry(at, [8, 4, 4]);
  }
  return fields;
}

/** Values at which sums overflow, signs turn and indexes leave their tables, and ordinary small ones. */
function tellingValue(from: Random, width: number, length: number): bigint {
  const near = BigInt(from.int(5) - 2);
  const value = from.pick([
    () => BigInt(from.int(16)),
    () => BigInt(from.int(EHDR_SIZE * 4)),
    () => BigInt(length) + near,
    () => BigInt(from.int(length)),
    () => 1n << BigInt(from.int(64)),
    () => (1n << 16n) + near,
    () => (1n << 31n) + near,
    () => (1n << 32n) + near,
    () => (1n << 53n) + near,
    () => (1n << 64n) + near,
    () => BigInt(from.bits32()),
  ])();
  return BigInt.asUintN(8 * width, value);
}

/**
 * Checks `cases` damaged versions of these objects.
 * @throws Error with what `check` throws, the edits that are needed for it, and the bytes
 */
export function runDamaged(
  objects: readonly Uint8Array[],
  check: (bytes: Uint8Array) => void,
  cases: number,
  seed: number,
): void {
  const choices = random(seed);
  const draws = objects.map((object) => ({ object, draw: damager(object) }));
  for (let done = 0; done < cases; done++) {
    const { object, draw } = choices.pick(draws);
    const edits = draw(choices);
    if (thrown(check, damaged(object, edits)) === undefined) continue;
    const least = shrinkList(edits, (fewer) => thrown(check, damaged(object, fewer)) !== undefined);
    const bytes = damaged(object, least);
    const cause = thrown(check, bytes);
    const what = cause instanceof Error ? cause.stack : String(cause);
    throw new Error(`${what}\nafter ${least.map(showEdit).join("; ")}\nwith ${showBytes(bytes)}`, { cause });
  }
}

function thrown(check: (bytes: Uint8Array) => void, bytes: Uint8Array): unknown {
  try {
    check(bytes);
    return undefined;
  } catch (error) {
    return error ?? new Error("it threw nothing");
  }
}

function showEdit(edit: Edit): string {
  if (edit.kind === "length") return `cut to ${edit.length} bytes`;
  return `${edit.value} in the ${edit.width} bytes at ${edit.at}`;
}
