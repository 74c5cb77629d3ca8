/**
 * A dispatcher in C that is compiled once for all chains and told by a frozen map which programs run and after which
 * actions, as libxdp's is; written afresh. Its slots are global functions: with the programs in them, or with extensions
 * over them. Its number of slots is that of the chain, so that it goes further than libxdp's ten.
 */
import { actionCode, NO_VERDICT } from "../../../src/chain/index.ts";
import { setGlobals } from "../../../src/codegen/object/globals.ts";
import { KernelError, openKernel } from "../../../src/loader/index.ts";
import { type Contestant, loadPlain, onlyLines, Owned, Refused } from "../contestant.ts";
import { asPart, globalsOf, LICENSE, sourcesOf } from "../sources.ts";
import type { Work } from "../work.ts";
import { freplaceRefusal } from "./xdpgen.ts";

const INCLUDES = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n";

export const frozenConfig: Contestant = {
  name: "frozen config",
  what: "A C dispatcher that reads proceed-on from a frozen map, as libxdp's does; the programs are global functions of it",
  refusal: onlyLines,
  sources: (work) => {
    const sources = sourcesOf(work);
    const slots = sources.map(
      ({ name }, k) => `__attribute__((noinline)) int slot${k}(struct xdp_md *ctx)\n{\n\treturn ${name}(ctx);\n}\n`,
    );
    return [[INCLUDES, ...sources.map(asPart), ...slots, dispatcher(work), LICENSE].join("\n")];
  },
  load(work, [bytes]) {
    const owned = new Owned();
    const program = loadPlain(owned, bytes!, globalsOf(sourcesOf(work))).programs[0]!.fd();
    return { program, [Symbol.dispose]: () => owned[Symbol.dispose]() };
  },
};

export const frozenFreplace: Contestant = {
  name: "frozen config, freplace",
  what: "The same with stubs for slots, over which the programs are put as extensions, as libxdp does it",
  refusal: onlyLines,
  refusedHere: freplaceRefusal,
  sources: (work) => [
    [INCLUDES, ...Array.from({ length: work.programs }, (_, k) => stub(k)), dispatcher(work), LICENSE].join("\n"),
    ...sourcesOf(work).map(({ text }) => text),
  ],
  load(work, [bytes, ...objects]) {
    const owned = new Owned();
    const kernel = openKernel();
    const program = loadPlain(owned, bytes!).programs[0]!.fd();
    // The main function comes first, and the slots in the order of their definition.
    const [, ...slots] = kernel.programCode(program).functions;
    const sources = sourcesOf(work);
    for (const [k, each] of objects.entries()) {
      const object = owned.own(kernel.openObject(setGlobals(each, sources[k]!.globals), "bench"));
      object.programs[0]!.makeExtension(program, `slot${k}`);
      try {
        object.load();
      } catch (error) {
        owned[Symbol.dispose]();
        // Since 6.12 an extension may change packets only where its stub does, which those of libxdp 1.3.1 do not.
        throw error instanceof KernelError ? new Refused(`the kernel refuses an extension: ${error.message}`) : error;
      }
      owned.own(kernel.linkExtension(object.programs[0]!.fd(), program, slots[k]!.type));
    }
    return { program, [Symbol.dispose]: () => owned[Symbol.dispose]() };
  },
};

const stub = (k: number): string => `__attribute__((noinline)) int slot${k}(struct xdp_md *ctx)
{
	volatile int code = ${NO_VERDICT};

	if (!ctx)
		return XDP_ABORTED;
	return code;
}
`;

function dispatcher({ programs, proceedOn }: Work): string {
  const bits = [...proceedOn.map(actionCode), NO_VERDICT].map((code) => `1U << ${code}`).join(" | ");
  const steps = Array.from(
    { length: programs },
    (_, k) => `	if (config.programs < ${k + 1})
		goto out;
	code = slot${k}(ctx);
	if (!((1U << code) & config.proceeds[${k}]))
		return code;
`,
  );
  return `const volatile struct {
	__u32 programs;
	__u32 proceeds[${programs}];
} config = { ${programs}, { ${Array(programs).fill(bits).join(", ")} } };

SEC("xdp")
int xdp_dispatcher(struct xdp_md *ctx)
{
	int code;

${steps.join("")}out:
	return XDP_PASS;
}
`;
}
