/** Whatever is typed into a chain.yaml, the answer is a chain or diagnostics that stand inside the text. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { parseChain, validateChain } from "../../../src/chain/index.ts";
import { formatDiagnostics } from "../../../src/diagnostic.ts";

const VALID = `chain: edge
interfaces: [eth0]
mode: auto
end: verdict
programs:
  - name: denylist
    object: ./denylist.bpf.o
    priority: 10
    proceed-on: &on [pass, tx]
    globals: { rate: 1000, "burst": [1, 2] }
  - &second
    name: counter
    object: './counter.bpf.o'
    proceed-on: *on
  - <<: *second
    name: third
`;

/** What is wrong with the answer to a text; empty when the answer keeps all promises. */
function faults(text: string): readonly string[] {
  const found: string[] = [];
  const { chain, diagnostics } = parseChain(text, { file: "chain.yaml" });
  const failed = diagnostics.some(({ severity }) => severity === "error");
  if ((chain === undefined) !== failed) found.push("a chain and errors, or neither");
  if (chain && validateChain(chain).length > 0) found.push("a chain that is not valid");
  const lines = text.split(/\r\n|\n/);
  for (const diagnostic of diagnostics) {
    for (const { line, column, length } of [diagnostic, ...(diagnostic.related ? [diagnostic.related] : [])]) {
      const width = lines[line - 1]?.length ?? -1;
      // An empty line still has a first column to point at.
      const inside = width >= 0 && column >= 1 && length >= 1 && column + length - 1 <= Math.max(1, width);
      if (!inside) found.push(`${line}:${column}+${length} is outside of the text: ${diagnostic.message}`);
    }
  }
  const shown = formatDiagnostics(diagnostics, text, "chain.yaml");
  if ((shown === "") !== (diagnostics.length === 0)) found.push("diagnostics and text disagree");
  return found;
}

const piece = fc.oneof(
  fc.constantFrom(
    "\t",
    "\n",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "*on",
    "&on ",
    "<<: ",
    "---\n",
    "!x ",
    "#",
    "|\n",
    "\r\n",
  ),
  fc.constantFrom(
    "name",
    "priority",
    "-1",
    "null",
    "99999999999999999999",
    "~",
    "? ",
    "__proto__: 1\n",
    "*second",
    "\uFEFF",
  ),
  fc.string({ maxLength: 4 }),
);
const edit = fc.record({ at: fc.nat(VALID.length), remove: fc.nat(12), insert: piece });

it("any few edits of a valid file", () => {
  expect(parseChain(VALID, { file: "chain.yaml" }).diagnostics).toEqual([]);
  const apply = (text: string, { at, remove, insert }: { at: number; remove: number; insert: string }): string =>
    text.slice(0, at) + insert + text.slice(at + remove);
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      expect(faults(edits.reduce(apply, VALID))).toEqual([]);
    }),
    { numRuns: 600 },
  );
});

it("any beginning of a valid file", () => {
  const beginnings = Array.from(VALID, (_, length) => VALID.slice(0, length));
  expect(beginnings.flatMap(faults)).toEqual([]);
});

it("any text", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      expect(faults(pieces.join(""))).toEqual([]);
    }),
    // An anchor on nothing is a warning for the parser of YAML, and no chain.
    { numRuns: 400, examples: [[["&", "<<: "]]] },
  );
});
