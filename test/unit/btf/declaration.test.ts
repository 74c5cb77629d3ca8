import { expect, test } from "vitest";
import { type BtfType, formatDeclaration } from "../../../src/codegen/btf/index.ts";
import { ALL_KINDS } from "../../support/btf.ts";

const INT: BtfType = { kind: "int", name: "int", size: 4, bits: 32, bitOffset: 0, encoding: 1 };

test.each([
  [1, "int x"],
  [2, "struct node *x"],
  [3, "int x[5]"],
  [5, "union [5] x"],
  [6, "enum mood x"],
  [7, "union later x"],
  [10, "const volatile mood_t x"],
  [11, "struct node *restrict x"],
  [13, "int x(struct node *restrict n, ...)"],
  [18, 'struct node __attribute__((btf_type_tag("rcu"))) x'],
  [19, "enum wide x"],
  [21, 'struct node __attribute__((btf_type_tag("rcu"))) *x'],
  [0, "void x"],
  [99, "[99] x"],
])("type %i", (id, text) => {
  expect(formatDeclaration(ALL_KINDS, id, "x")).toBe(text);
});

test("without a name, the type alone", () => {
  expect(formatDeclaration(ALL_KINDS, 2)).toBe("struct node *");
  expect(formatDeclaration(ALL_KINDS, 3)).toBe("int [5]");
  expect(formatDeclaration(ALL_KINDS, 13)).toBe("int (struct node *restrict n, ...)");
});

test("pointers to arrays and functions have their parentheses", () => {
  const types: BtfType[] = [
    { kind: "float", name: "float", size: 4 },
    { kind: "array", type: 1, indexType: 0, length: 3 },
    { kind: "ptr", type: 2 },
    { kind: "func_proto", type: 3, params: [] },
    { kind: "ptr", type: 4 },
    { kind: "array", type: 5, indexType: 0, length: 2 },
    { kind: "type_tag", name: "rcu", type: 4, attribute: false },
    { kind: "ptr", type: 7 },
    { kind: "type_tag", name: "address_space(1)", type: 1, attribute: true },
    { kind: "ptr", type: 9 },
    { kind: "func_proto", type: 0, params: [{ name: "", type: 0 }] },
  ];
  expect(formatDeclaration({ types }, 3, "rows")).toBe("float (*rows)[3]");
  expect(formatDeclaration({ types }, 5, "get")).toBe("float (*(*get)(void))[3]");
  expect(formatDeclaration({ types }, 6, "table")).toBe("float (*(*table[2])(void))[3]");
  expect(formatDeclaration({ types }, 8, "f")).toBe('float (*(__attribute__((btf_type_tag("rcu"))) *f)(void))[3]');
  expect(formatDeclaration({ types }, 10, "p")).toBe("float __attribute__((address_space(1))) *p");
  expect(formatDeclaration({ types }, 11, "old")).toBe("void old()");
});

test("qualifiers are where C has them", () => {
  const types: BtfType[] = [
    INT,
    { kind: "array", type: 1, indexType: 1, length: 4 },
    { kind: "const", type: 2 },
    { kind: "ptr", type: 1 },
    { kind: "const", type: 4 },
    { kind: "volatile", type: 5 },
    { kind: "restrict", type: 1 },
    { kind: "func_proto", type: 1, params: [] },
    { kind: "const", type: 8 },
    { kind: "const", type: 3 },
  ];
  expect(formatDeclaration({ types }, 3, "x")).toBe("const int x[4]");
  expect(formatDeclaration({ types }, 6, "x")).toBe("int *volatile const x");
  expect(formatDeclaration({ types }, 7, "x")).toBe("int x");
  expect(formatDeclaration({ types }, 9, "x")).toBe("int x(void)");
  expect(formatDeclaration({ types }, 10, "x")).toBe("const int x[4]");
});

test("circles and what spreads end", () => {
  const circle: BtfType[] = [
    { kind: "ptr", type: 2 },
    { kind: "func_proto", type: 1, params: [{ name: "", type: 1 }] },
  ];
  expect(formatDeclaration({ types: circle }, 2, "p").length).toBeLessThan(2000);
  // A function of itself, eight times over, would be eight to the power of its depth long.
  const params = Array.from({ length: 8 }, () => ({ name: "", type: 1 }));
  expect(formatDeclaration({ types: [{ kind: "func_proto", type: 0, params }] }, 1).length).toBeLessThan(2000);
  const long = Array.from({ length: 190 }, () => ({ name: "x".repeat(2 ** 20), type: 0 }));
  expect(formatDeclaration({ types: [{ kind: "func_proto", type: 0, params: long }] }, 1).length).toBeLessThan(2 ** 21);
  const many = Array.from({ length: 60_000 }, () => ({ name: "", type: 0 }));
  expect(formatDeclaration({ types: [{ kind: "func_proto", type: 0, params: many }] }, 1).length).toBeLessThan(5000);
});
