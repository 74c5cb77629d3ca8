/**
 * The chain as one C program, as a careful engineer would write it by hand for it: every program a function that clang -O2
 * puts into the main function. The limit of what a generator can reach that takes the programs as they are compiled.
 */
import { type Contestant, loadPlain, Owned } from "../contestant.ts";
import { asPart, globalsOf, LICENSE, proceeds, sourcesOf } from "../sources.ts";
import type { Work } from "../work.ts";

export const oneFile: Contestant = {
  name: "one C file",
  what: "The chain and its programs in one C file, compiled by clang -O2 into one function",
  refusal: ({ counters }) => (counters ? "it does not count" : undefined),
  sources: (work) => [written(work)],
  load(work, [bytes]) {
    const owned = new Owned();
    const program = loadPlain(owned, bytes!, globalsOf(sourcesOf(work))).programs[0]!.fd();
    return { program, [Symbol.dispose]: () => owned[Symbol.dispose]() };
  },
};

function written(work: Work): string {
  const sources = sourcesOf(work);
  const last = sources.length - 1;
  const steps = sources.map(({ name }, k) => {
    const call = `\tcode = ${name}(ctx);\n`;
    if (k === last) return `last:\n${call}`;
    const edge = work.shape === "graph" ? "\tif (code == XDP_DROP)\n\t\tgoto last;\n" : "";
    return `${call}${edge}\tif (!(PROCEEDS(code)))\n\t\treturn code;\n`;
  });
  const main = `SEC("xdp")
int xdp_chain(struct xdp_md *ctx)
{
	int code;

${steps.join("\n")}
	return code == 31 ? XDP_PASS : code;
}
`;
  return [...sources.map(asPart), proceeds(work), main, LICENSE].join("\n");
}
