/**
 * Dispatchers as C, many in one file: what clang makes of them, with programs that do what the packet prescribes. Those are
 * written in C too, and do the same as the ones of verdict-program.ts.
 */
import type { Plan } from "../../src/codegen/index.ts";
import { mainFunction, preamble } from "../../src/codegen/plan/c.ts";
import { compile } from "./objects.ts";
import { COUNT, PACKET_SIZE, PLACE } from "./verdict-program.ts";

const PROGRAMS = `
static __always_inline int visit(struct xdp_md *ctx, int k)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + ${PACKET_SIZE} > end)
		return 0;
	data[${PLACE} + k] = ++data[${COUNT}];
	return *(int *)(data + 4 * k);
}

#define SLOT(K) __weak __attribute__((noinline)) int slot_p##K(struct xdp_md *ctx) { return visit(ctx, K); }
`;

/**
 * One object with the main function of each plan, which is called after its chain.
 * @param most programs are called `p0` to `p<most - 1>`
 */
export function rendered(plans: readonly Plan[], most: number): Uint8Array {
  const slots = Array.from({ length: most }, (_, k) => `SLOT(${k})\n`);
  return compile(
    [preamble(true), PROGRAMS, ...slots, ...plans.map(mainFunction)].join("\n"),
    "-Wall",
    "-Wextra",
    "-Werror",
  );
}
