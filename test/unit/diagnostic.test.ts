import { expect, it } from "vitest";
import { formatDiagnostics } from "../../src/diagnostic.ts";

const mistake = { code: "x", severity: "error", message: "wrong", line: 1, length: 3 } as const;
const frameOf = (text: string, column: number): readonly string[] =>
  formatDiagnostics([{ ...mistake, column }], text, "f").split("\n");

it.each([1, 50, 60, 500_000, 999_990, 999_998])("shows of a long line the part around column %i", (column) => {
  const text = `${"a".repeat(column - 1)}BAD${"b".repeat(1_000_000 - column - 2)}`;
  const [, line, carets] = frameOf(text, column);
  expect(line!.length).toBeLessThan(220);
  const start = carets!.indexOf("^");
  expect(line!.slice(start, carets!.lastIndexOf("^") + 1)).toBe("BAD");
});

it("leaves a line that fits as it is", () => {
  expect(frameOf("one BAD two", 5).slice(1, 3)).toEqual(["   1 | one BAD two", "     |     ^^^"]);
});
