/**
 * What each builder means, in LLVM's words: written from its name and arguments and not from the instruction that it makes,
 * so that llvm-mc is a witness of the builders too.
 */

/** The sign that a part of a builder's name stands for. */
const SIGNS: ReadonlyMap<string, string> = new Map(
  [
    "add += sub -= mul *= div /= sdiv s/= mod %= smod s%= and &= or |= xor ^= lsh <<= rsh >>= arsh s>>= mov =",
    "jeq == jne != jgt > jge >= jlt < jle <= jset & jsgt s> jsge s>= jslt s< jsle s<=",
    "Add += And &= Or |= Xor ^=",
  ].flatMap((line) => [...line.matchAll(/(\S+) (\S+)/g)].map(([, word, sign]): [string, string] => [word!, sign!])),
);
const BITS: Readonly<Record<string, number>> = { B: 8, H: 16, W: 32, Dw: 64 };

/** The parts of a name that its pattern catches, and the arguments. */
type Say = (parts: readonly string[], args: readonly number[]) => string;

const at = (base?: number, off = 0): string => `r${base} ${off < 0 ? "-" : "+"} ${Math.abs(off)}`;
const cell = (size: string, ...place: [base?: number, off?: number]): string => `*(u${BITS[size]} *)(${at(...place)})`;
const by = (slots = 0): string => `${slots < 0 ? "" : "+"}${slots}`;
/** The register of an atomic operation on memory of this size: a half, unless it is the whole. */
const sized = (size: string, register?: number): string => `${size === "Dw" ? "r" : "w"}${register}`;

const WORDS: readonly (readonly [RegExp, Say])[] = [
  [/^exit$/, () => "exit"],
  [/^ja$/, (_, [slots]) => `goto ${by(slots)}`],
  [/^jaLong$/, (_, [slots]) => `gotol ${by(slots)}`],
  [/^jaReg$/, (_, [dst]) => `gotox r${dst}`],
  [/^mayGoto$/, (_, [slots]) => `may_goto ${by(slots)}`],
  [/^callHelper$/, (_, [id]) => `call ${id}`],
  [
    /^(j\w+?)(32)?Imm$/,
    ([sign, low], [a, b, to]) => `if ${low ? "w" : "r"}${a} ${SIGNS.get(sign!)} ${b} goto ${by(to)}`,
  ],
  [
    /^(j\w+?)(32)?Reg$/,
    ([sign, low], [a, b, to]) => `if ${low ? "w" : "r"}${a} ${SIGNS.get(sign!)} ${low ? "w" : "r"}${b} goto ${by(to)}`,
  ],
  [/^movsx64Reg$/, (_, [dst, src, bits]) => `r${dst} = (s${bits})r${src}`],
  [/^movsx32Reg$/, (_, [dst, src, bits]) => `w${dst} = (s${bits})w${src}`],
  [/^([a-z]+)64Imm$/, ([sign], [dst, imm]) => `r${dst} ${SIGNS.get(sign!)} ${imm}`],
  [/^([a-z]+)32Imm$/, ([sign], [dst, imm]) => `w${dst} ${SIGNS.get(sign!)} ${imm}`],
  [/^([a-z]+)64Reg$/, ([sign], [dst, src]) => `r${dst} ${SIGNS.get(sign!)} r${src}`],
  [/^([a-z]+)32Reg$/, ([sign], [dst, src]) => `w${dst} ${SIGNS.get(sign!)} w${src}`],
  [/^addrSpaceCast$/, (_, [dst, src, to, from]) => `r${dst} = addr_space_cast(r${src}, ${to}, ${from})`],
  [/^neg64$/, (_, [dst]) => `r${dst} = -r${dst}`],
  [/^neg32$/, (_, [dst]) => `w${dst} = -w${dst}`],
  [/^((?:le|be|bswap)\d\d)$/, ([swap], [dst]) => `r${dst} = ${swap} r${dst}`],
  [/^ldx(B|H|W|Dw)$/, ([size], [dst, base, off]) => `r${dst} = ${cell(size!, base, off)}`],
  [/^ldxs(B|H|W)$/, ([size], [dst, base, off]) => `r${dst} = ${cell(size!, base, off).replace("u", "s")}`],
  [/^stx(B|H|W|Dw)$/, ([size], [base, off, src]) => `${cell(size!, base, off)} = r${src}`],
  [/^st(B|H|W|Dw)$/, ([size], [base, off, imm]) => `${cell(size!, base, off)} = ${imm}`],
  [
    /^loadAcquire(B|H|W|Dw)$/,
    ([size], [dst, base, off]) => `${sized(size!, dst)} = load_acquire(${cell(size!, base, off).slice(1)})`,
  ],
  [
    /^storeRelease(B|H|W|Dw)$/,
    ([size], [base, off, src]) => `store_release(${cell(size!, base, off).slice(1)}, ${sized(size!, src)})`,
  ],
  [
    /^atomic(Add|And|Or|Xor)(W|Dw)$/,
    ([sign, size], [base, off, src]) => `lock ${cell(size!, base, off)} ${SIGNS.get(sign!)} ${sized(size!, src)}`,
  ],
  [
    /^atomicFetch(Add|And|Or|Xor)(W|Dw)$/,
    ([sign, size], [base, off, src]) =>
      `${sized(size!, src)} = atomic_fetch_${sign!.toLowerCase()}(${cell(size!, base, off).slice(1)}, ${sized(size!, src)})`,
  ],
  [/^xchgW$/, (_, [base, off, src]) => `w${src} = xchg32_32(${at(base, off)}, w${src})`],
  [/^xchgDw$/, (_, [base, off, src]) => `r${src} = xchg_64(${at(base, off)}, r${src})`],
  [/^cmpxchgW$/, (_, [base, off, src]) => `w0 = cmpxchg32_32(${at(base, off)}, w0, w${src})`],
  [/^cmpxchgDw$/, (_, [base, off, src]) => `r0 = cmpxchg_64(${at(base, off)}, r0, r${src})`],
  [/^ldAbs(B|H|W)$/, ([size], [imm]) => `r0 = *(u${BITS[size!]} *)skb[${imm}]`],
  [/^ldInd(B|H|W)$/, ([size], [src]) => `r0 = *(u${BITS[size!]} *)skb[r${src}]`],
  [/^ldImm64$/, (_, [dst, value]) => `r${dst} = ${value} ll`],
];

/** LLVM leaves them to the loader: calls within the program and into the kernel, maps, addresses of functions. */
const WORDLESS = /^(callLocal|callKernel|ldMap(Fd|Value|Index|IndexValue)|ldBtfId|ldFunction)$/;

/**
 * The line of assembly that a call of a builder stands for; undefined if LLVM has none.
 * @throws Error for a builder that is in no table
 */
export function llvmWords(builder: string, args: readonly number[]): string | undefined {
  for (const [pattern, say] of WORDS) {
    const match = pattern.exec(builder);
    if (match) return say(match.slice(1), args);
  }
  if (WORDLESS.test(builder)) return undefined;
  throw new Error(`the builder ${builder} is in no row of WORDS`);
}
