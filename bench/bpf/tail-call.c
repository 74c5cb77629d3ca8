/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For benchmarks: a program as a link of a chain of tail calls, which needs no dispatcher and every program's cooperation.
 * It goes on to the place behind its own, in one array that all share. The index is a constant, so that the JIT makes a
 * direct jump of it.
 *
 * Expects before it: `static int program(struct xdp_md *ctx)`, PROCEEDS(code), NEXT (the place), PROGRAMS (of the chain).
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PROGRAMS);
	__type(key, __u32);
	__type(value, __u32);
} places SEC(".maps");

SEC("xdp")
int xdp_link(struct xdp_md *ctx)
{
	int code = program(ctx);

	if (PROCEEDS(code))
		bpf_tail_call(ctx, &places, NEXT);
	return code == 31 ? XDP_PASS : code;
}
