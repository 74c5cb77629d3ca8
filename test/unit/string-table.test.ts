import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildStringTable, readString } from "../../src/codegen/string-table.ts";
import { refusal } from "../support/damage.ts";

/** What a table is, said by Node's own encoder. */
function expected(strings: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.concat([...new Set(["", ...strings])].map((text) => Buffer.from(`${text}\0`, "utf8"))));
}

describe("buildStringTable", () => {
  test.each([
    ["nothing", []],
    ["the empty string alone", ["", ""]],
    ["ASCII", ["xdp", ".text", "xdp", ""]],
    ["other characters", ["größe", "π", "plain", "größe", "名前", "🐝", "after"]],
  ])("holds %s", (_, strings) => {
    const table = buildStringTable(strings, "btf-invalid");
    expect(table.bytes).toEqual(expected(strings));
    for (const text of ["", ...strings]) expect(readString(table.bytes, table.offsetOf(text))).toBe(text);
  });

  test("holds any strings but those with a NUL", () => {
    const text = fc.string({ unit: "binary" }).filter((s) => !s.includes("\0"));
    fc.assert(
      fc.property(fc.array(text), (strings) => {
        const table = buildStringTable(strings, "btf-invalid");
        expect(table.bytes).toEqual(expected(strings));
        for (const s of strings) expect(readString(table.bytes, table.offsetOf(s))).toBe(s);
      }),
    );
  });

  test.each([
    ["a NUL", "a\0b"],
    ["half a surrogate pair", "a\ud800b"],
    ["half a surrogate pair at the end", "\udc00"],
  ])("refuses %s, with the code that is asked for", (_, text) => {
    const error = refusal(() => void buildStringTable(["fine", text], "object-invalid"));
    expect(error?.code).toBe("object-invalid");
    expect(error?.message).toContain(JSON.stringify(text));
  });
});
