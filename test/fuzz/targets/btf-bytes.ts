import { isDeepStrictEqual } from "node:util";
import {
  type Btf,
  type BtfExt,
  btfStrings,
  decodeBtf,
  decodeBtfExt,
  encodeBtf,
  formatBtf,
  formatBtfExt,
  formatDeclaration,
  mergeBtf,
} from "../../../src/codegen/btf/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { ALL_KINDS, SOME_EXT } from "../../support/btf.ts";
import { guided } from "../guided.ts";
import type { FuzzTarget } from "../target.ts";

/**
 * An input is the length of a `.BTF` section in 24 bits, a byte that says what to do with what is read, the section, and
 * the `.BTF.ext` that goes with it.
 */
const target: FuzzTarget = {
  name: "btf-bytes",
  claim:
    "decodeBtf and decodeBtfExt refuse any bytes with a place, or what they read can be shown, merged, written and read again",
  cases: 30_000,
  run(seed, cases) {
    // One list with all there is, and for each type one of it and what it refers to: small inputs make more of them.
    const lists = ALL_KINDS.types.map((_, index) => mergeBtf([{ btf: ALL_KINDS, roots: [index + 1] }]).btf);
    const small = lists.flatMap((btf, index) => joined(btf, index, undefined));
    const seeds = [...small, ...USES.map((_, use) => joined(ALL_KINDS, use, SOME_EXT))];
    return guided({ name: target.name, seeds, check, cases, seed, files: /src\/codegen\/(btf|string-table)/ });
  },
};
export default target;

function joined(btf: Btf, use: number, ext: BtfExt | undefined): Uint8Array {
  const encoded = encodeBtf(ext ? { btf, ext } : { btf });
  const head = new Uint8Array(new Uint32Array([encoded.btf.length | (use << 24)]).buffer);
  return Uint8Array.from([...head, ...encoded.btf, ...(encoded.ext ?? [])]);
}

function check(input: Uint8Array): void {
  if (input.length < 4) return;
  const head = new DataView(input.buffer, input.byteOffset).getUint32(0, true);
  const bytes = input.subarray(4, 4 + (head & 0xff_ffff));
  const btf = orRefused(() => decodeBtf(bytes));
  if (btf) USES[(head >>> 24) % USES.length]!(btf, bytes, input.subarray(4 + bytes.length));
}

/** One for each input: all of them would take four times as long and rarely find more. */
const USES: readonly ((btf: Btf, bytes: Uint8Array, ext: Uint8Array) => void)[] = [
  (btf, bytes) => {
    for (const strings of [undefined, btfStrings(bytes)]) {
      const { btf: again } = encodeBtf({ btf, ...(strings && { strings }) });
      if (!isDeepStrictEqual(decodeBtf(again), btf)) throw new Error("written, it is other types");
    }
  },
  (btf, bytes, records) => {
    const ext = orRefused(() => decodeBtfExt(records, bytes));
    if (!ext) return;
    formatBtfExt(ext, btf);
    // Records of types that are not there can be read, and are not written.
    const both = orRefused(() => encodeBtf({ btf, ext }));
    if (both && !isDeepStrictEqual(decodeBtfExt(both.ext!, both.btf), ext))
      throw new Error("written, it is another ext");
  },
  (btf) => {
    const lines = formatBtf(btf).split("\n").length - 1;
    if (lines < btf.types.length) throw new Error(`${btf.types.length} types have ${lines} lines`);
    for (let id = 0; id <= Math.min(4, btf.types.length); id++) formatDeclaration(btf, id, "x");
  },
  (btf) => orRefused(() => formatBtf(btf, { style: "c" })),
  (btf) => {
    const once = mergeBtf([{ btf, roots: btf.types.map((_, index) => index + 1) }]).btf;
    if (once.types.length > btf.types.length) throw new Error("merged with nothing, there are more types");
    const twice = mergeBtf([{ btf: once, roots: once.types.map((_, index) => index + 1) }]).btf;
    if (!isDeepStrictEqual(twice, once)) throw new Error("merged again, there are other types");
  },
];

/** Any exception but a refusal that says where is a bug and goes on. */
function orRefused<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    if (!(error instanceof XdpgenError) || error.code !== "btf-invalid") throw error;
    // A byte, or a type's number: something to look at.
    if (!/\d|these types/.test(error.message)) throw new Error(`no place: ${error.message}`, { cause: error });
    return undefined;
  }
}
