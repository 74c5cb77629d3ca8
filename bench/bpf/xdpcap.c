/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For benchmarks: a program with a hook behind it, an array of programs of its own that is indexed by the action that it is
 * about to return. What stands there is called with it; where nothing does, the action is the verdict. The index is known
 * at run time only, so that each call goes through the array.
 *
 * Expects before it: `static int program(struct xdp_md *ctx)`.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __u32);
} hook SEC(".maps");

SEC("xdp")
int xdp_hooked(struct xdp_md *ctx)
{
	int code = program(ctx);

	bpf_tail_call(ctx, &hook, code);
	return code == 31 ? XDP_PASS : code;
}
