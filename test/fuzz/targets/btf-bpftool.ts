import fc from "fast-check";
import { type Btf, encodeBtf, formatBtf } from "../../../src/codegen/btf/index.ts";
import { bpftoolDump } from "../../support/bpftool.ts";
import { anyType } from "../../support/btf.ts";
import { random } from "../../support/random.ts";
import type { FuzzTarget } from "../target.ts";

/** Types in one file: starting bpftool costs more than they do. */
const TOGETHER = 4000;

/** Every type is a case: whatever it refers to is only a number here. */
const target: FuzzTarget = {
  name: "btf-bpftool",
  claim: "bpftool prints the types that encodeBtf was given, line for line as formatBtf does",
  cases: 20_000,
  run(seed, cases) {
    const from = random(seed);
    let checked = 0;
    while (checked < cases) {
      const count = Math.min(TOGETHER, cases - checked);
      const btf = withFunctions({
        types: fc.sample(anyType(count), { numRuns: count, seed: from.bits32() }),
      });
      compare(btf);
      checked += count;
    }
    return checked;
  },
};
export default target;

/** Newer versions of libbpf look whether a function's type is one. */
function withFunctions({ types }: Btf): Btf {
  const prototype = types.findIndex(({ kind }) => kind === "func_proto") + 1;
  return { types: types.map((type) => (type.kind === "func" ? { ...type, type: prototype } : type)) };
}

function compare(btf: Btf): void {
  const ours = formatBtf(btf).split("\n");
  const theirs = bpftoolDump(encodeBtf({ btf }).btf, "raw").split("\n");
  const line = ours.findIndex((text, index) => text !== theirs[index]);
  if (line < 0 && ours.length === theirs.length) return;
  const id = Number(/^\[(\d+)/.exec(ours.slice(0, line + 1).findLast((text) => text.startsWith("[")) ?? "")?.[1]);
  throw new Error(
    `bpftool prints ${JSON.stringify(theirs[line])} and formatBtf ${JSON.stringify(ours[line])} of ${JSON.stringify(
      btf.types[id - 1],
      (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value),
    )}`,
  );
}
