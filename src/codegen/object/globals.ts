/**
 * Sets a program's `const volatile` variables in the bytes of its object, before anybody loads it. BTF says where a
 * variable lies and what it holds; a value that does not fit its type is an error, never a truncation.
 */
import type { GlobalValue } from "../../chain/chain.ts";
import { XdpgenError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import type { TypeId } from "../btf/types.ts";
import { openObject, type XdpObject } from "./open.ts";
import { resolveType } from "./signature.ts";

/** A copy of `bytes` with the variables set; `bytes` itself where there are none to set. */
export function setGlobals(bytes: Uint8Array, globals: Readonly<Record<string, GlobalValue>>): Uint8Array {
  const names = Object.keys(globals);
  if (names.length === 0) return bytes;
  // Of a Buffer, as files are read into, `slice` would be no copy.
  const copy = new Uint8Array(bytes);
  // Section data are views of the bytes that were read, so writing to them writes to the copy, and what was read of it stays right:
  // of a program's data nothing but its place is.
  const object = openObject(copy);
  if (!object.hasBtf) fail(`cannot set ${names.join(", ")}: the object has no BTF; compile it with -g`);
  const variables = constants(object);
  for (const name of names) {
    const variable = variables.get(name);
    if (!variable) {
      const hint = nearest(name, variables.keys());
      fail(
        `no \`const volatile\` variable ${name}${hint ? `; did you mean ${hint}?` : ""} (${list(variables.keys())})`,
      );
    }
    write(object, variable.type, variable.data, globals[name]!, name);
  }
  return copy;
}

function list(names: Iterable<string>): string {
  const all = [...names];
  return all.length === 0 ? "the object has none" : `the object has ${all.join(", ")}`;
}

function fail(message: string): never {
  throw new XdpgenError("chain-invalid", message);
}

interface Variable {
  readonly type: TypeId;
  readonly data: Uint8Array;
}

/** The variables of all `.rodata` sections by name. */
function constants(object: XdpObject): Map<string, Variable> {
  const types = new Map<string, TypeId>();
  for (const t of object.btf.types) if (t.kind === "var") types.set(t.name, t.type);
  const found = new Map<string, Variable>();
  for (const symbol of object.elf.symbols) {
    const type = types.get(symbol.name);
    if (symbol.type !== "object" || typeof symbol.section !== "number" || type === undefined) continue;
    const section = object.elf.sections[symbol.section]!;
    if (section.name !== ".rodata" && !section.name.startsWith(".rodata.")) continue;
    found.set(symbol.name, { type, data: section.data.subarray(symbol.value, symbol.value + symbol.size) });
  }
  return found;
}

function write(object: XdpObject, id: TypeId, data: Uint8Array, value: GlobalValue, name: string): void {
  const type = resolveType(object.btf, id);
  switch (type?.kind) {
    case "int":
      return writeInteger(data.subarray(0, type.size), value, (type.encoding & 1) !== 0, name);
    case "enum":
    case "enum64":
      return writeInteger(data.subarray(0, type.size), value, type.signed, name);
    case "array": {
      const element = type.length === 0 ? 0 : data.length / type.length;
      const items = typeof value === "string" ? [...new TextEncoder().encode(value), 0] : value;
      if (!Array.isArray(items)) fail(`${name} is an array of ${type.length}; it needs a list, not ${show(value)}`);
      if (items.length > type.length) fail(`${name} holds ${type.length} elements, and ${items.length} are given`);
      data.fill(0);
      items.forEach((item, i) =>
        write(object, type.type, data.subarray(i * element, (i + 1) * element), item, `${name}[${i}]`),
      );
      return;
    }
    default:
      fail(`${name} is a ${type?.kind ?? "void"}; only integers, enums, bools and arrays of them can be set`);
  }
}

function writeInteger(data: Uint8Array, value: GlobalValue, signed: boolean, name: string): void {
  if (typeof value !== "bigint" && typeof value !== "boolean" && !Number.isSafeInteger(value)) {
    fail(`${name} is an integer of ${data.length * 8} bits; ${show(value)} is none`);
  }
  const bits = BigInt(data.length * 8);
  const wanted = BigInt(value as number | bigint | boolean);
  const stored = signed ? BigInt.asIntN(Number(bits), wanted) : BigInt.asUintN(Number(bits), wanted);
  if (stored !== wanted) fail(`${name} has ${bits} bits${signed ? ", signed" : ""}; ${wanted} does not fit`);
  for (let i = 0n, rest = BigInt.asUintN(Number(bits), wanted); i < bits / 8n; i++, rest >>= 8n) {
    data[Number(i)] = Number(rest & 0xffn);
  }
}

function show(value: GlobalValue): string {
  return typeof value === "bigint" ? `${value}` : JSON.stringify(value);
}
