/** Wherever a type refers to another, a reference to no type is refused. */
import { expect, test } from "vitest";
import { type BtfType, encodeBtf, formatBtf, mergeBtf } from "../../../src/codegen/btf/index.ts";
import { refusal } from "../../support/damage.ts";

const member = { name: "m", type: 9, bitOffset: 0, bitSize: 0 };
const REFERRING: readonly BtfType[] = [
  { kind: "ptr", type: 9 },
  { kind: "const", type: 9 },
  { kind: "typedef", name: "t", type: 9 },
  { kind: "type_tag", name: "t", type: 9, attribute: false },
  { kind: "decl_tag", name: "t", type: 9, component: -1, attribute: false },
  { kind: "array", type: 9, indexType: 0, length: 1 },
  { kind: "array", type: 0, indexType: 9, length: 1 },
  { kind: "struct", name: "s", size: 4, members: [member], bitfields: false },
  { kind: "union", name: "u", size: 4, members: [member], bitfields: false },
  { kind: "func", name: "f", type: 9, linkage: "static" },
  { kind: "func_proto", type: 9, params: [] },
  { kind: "func_proto", type: 0, params: [{ name: "p", type: 9 }] },
  { kind: "var", name: "v", type: 9, linkage: "static" },
  { kind: "datasec", name: ".d", size: 4, vars: [{ type: 9, offset: 0, size: 4 }] },
];

test.each(REFERRING.map((type) => [JSON.stringify(type), type] as const))("%s", (_, type) => {
  const error = refusal(() => void encodeBtf({ btf: { types: [type] } }));
  expect(error?.code).toBe("btf-invalid");
  expect(error?.message).toMatch(/cannot encode type 1 .*a reference is 9, not 0 to 1/);
  const toC = refusal(() => void formatBtf({ types: [type] }, { style: "c" }));
  expect(toC?.message).toBe(`type 1 (${type.kind}) refers to type 9; there are 1`);
  const merged = refusal(() => void mergeBtf([{ btf: { types: [type] }, roots: [1] }]));
  expect(merged?.message).toBe("cannot merge type 9: the types are 1 to 1");
  // Raw text is numbers, and needs nothing of what they mean.
  expect(formatBtf({ types: [type] })).toContain("type_id=9");
});

test.each([9, -1, 0.5])("there is no root %d", (root) => {
  const error = refusal(() => void mergeBtf([{ btf: { types: [{ kind: "ptr", type: 0 }] }, roots: [root] }]));
  expect(error?.code).toBe("btf-invalid");
});
