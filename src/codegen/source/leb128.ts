/**
 * DWARF's numbers of any length (DWARF 5, section 7.6), seven bits a byte; negative numbers only where `signed`.
 * @param length the fewest bytes
 */
export function leb128(value: bigint, signed: boolean, length = 0): number[] {
  let rest = signed ? value : BigInt.asUintN(64, value);
  const bytes: number[] = [];
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const whole = signed ? rest === (low & 0x40 ? -1n : 0n) : rest === 0n;
    const last = whole && bytes.length + 1 >= length;
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
}
