/** Directives that put bytes into a section: numbers, addresses, strings, zeros, alignment. */
import { add, currentSection } from "./assembly.ts";
import { type Directive, MAX_ALIGN, requirePowerOfTwo } from "./directive.ts";
import { checkWidth } from "./expression.ts";

export const values =
  (width: 1 | 2 | 4 | 8): Directive =>
  (assembly, operands) => {
    if (operands.atEnd) return;
    // Each is there before the next is read: `.` is the place of its own number.
    operands.list(() => {
      const span = operands.span();
      const value = operands.expression();
      if (value.kind === "number") checkWidth(value.value, width, span);
      add(assembly, { kind: "value", width, value, span });
    });
  };

export const strings =
  (terminator: readonly number[]): Directive =>
  (assembly, operands) => {
    if (operands.atEnd) return;
    operands.list(() => {
      const span = operands.span();
      const bytes = operands.string("a string");
      add(assembly, { kind: "data", bytes: Uint8Array.from([...bytes, ...terminator]), span });
    });
  };

export const leb128 =
  (signed: boolean): Directive =>
  (assembly, operands) => {
    operands.list(() => {
      const span = operands.span();
      add(assembly, { kind: "leb128", signed, value: operands.expression(), span });
    });
  };

export const zeros: Directive = (assembly, operands, span) => {
  const count = operands.expression();
  const fill = operands.accept(",") ? operands.number("the fill byte", -128n, 255n) : 0;
  add(assembly, { kind: "fill", count, pattern: Uint8Array.of(fill), span });
};

export const fill: Directive = (assembly, operands, span) => {
  const count = operands.expression();
  const width = operands.accept(",") ? operands.number("the width", 0n, 8n) : 1;
  const value = operands.accept(",") ? operands.number("the value", -0x8000_0000n, 0xffff_ffffn) : 0;
  // Four bytes of value however wide, as in GNU as.
  const pattern = new Uint8Array(8);
  new DataView(pattern.buffer).setUint32(0, value >>> 0, true);
  add(assembly, { kind: "fill", count, pattern: pattern.subarray(0, width), span });
};

export const aligned =
  (power: boolean): Directive =>
  (assembly, operands, span) => {
    const given = operands.number("the alignment", 0n, power ? 16n : MAX_ALIGN);
    const align = power ? 2 ** given : Math.max(given, 1);
    requirePowerOfTwo(align, span);
    let value: number | undefined;
    let max = align;
    if (operands.accept(",")) {
      if (!operands.atEnd && !operands.accept(",")) {
        value = operands.number("the fill byte", -128n, 255n);
        if (operands.accept(",")) max = operands.number("the most bytes to skip", 0n, MAX_ALIGN);
      } else {
        max = operands.number("the most bytes to skip", 0n, MAX_ALIGN);
      }
    }
    const into = currentSection(assembly);
    into.align = Math.max(into.align, align);
    add(assembly, { kind: "align", align, max: max || align, span, ...(value !== undefined && { fill: value }) });
  };
