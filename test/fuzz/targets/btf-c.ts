import { throughClang } from "../../support/btf-clang.ts";
import { validBtf } from "../../support/btf-valid.ts";
import { random } from "../../support/random.ts";
import type { FuzzTarget } from "../target.ts";

/** Types in one C file: starting clang costs as much as they do. */
const TOGETHER = 400;
/** The ints that every list of random types begins with. */
const FEWEST = 12;

/** Structs, unions, enums and typedefs with names are the cases; the others are parts of them. */
const target: FuzzTarget = {
  name: "btf-c",
  claim: "clang reads the C of formatBtf as the types that were meant: sizes, offsets, widths, values and all parts",
  cases: 1500,
  run(seed, cases) {
    let checked = 0;
    for (let nth = seed * 100_000; checked < cases; nth++) {
      const count = Math.max(FEWEST, Math.min(TOGETHER, (cases - checked) * 2));
      const wrong = mistake(nth, count);
      if (wrong.text !== undefined) throw new Error(smallest(nth, count));
      checked += wrong.checked;
    }
    return checked;
  },
};
export default target;

function mistake(seed: number, count: number): { readonly checked: number; readonly text?: string } {
  try {
    const compared = throughClang(validBtf(random(seed), count));
    const wrong = compared.find(({ meant, read }) => meant !== read);
    const checked = Math.max(1, compared.length);
    return wrong
      ? { checked, text: `${wrong.name} is meant as ${wrong.meant} and read as ${wrong.read}` }
      : { checked };
  } catch (error) {
    return { checked: 0, text: String(error) };
  }
}

/** Fewer types of a seed are the first of more, so the fewest that still fail show what is wrong. */
function smallest(seed: number, count: number): string {
  let [works, fails] = [FEWEST, count];
  while (works + 1 < fails) {
    const middle = Math.floor((works + fails) / 2);
    if (mistake(seed, middle).text === undefined) works = middle;
    else fails = middle;
  }
  return `validBtf(random(${seed}), ${fails}): ${mistake(seed, fails).text}`;
}
