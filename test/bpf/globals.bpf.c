/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Every kind of variable and function that a linker has to place: .rodata, .data, .bss, a second .rodata section, a
 * string, a static variable, static subprograms (one that calls another) and a global one. DWARF stays in the object,
 * as in one that was never stripped: keep-debug
 *
 * keep-debug
 *
 * Each run adds `step` to `total` (.data, from 1000) and 1 to `seen` (.bss). The verdict is table[seen % 4], with
 * table = { PASS, DROP, TX, PASS }, for the value of `seen` after this run; ABORTED if a variable has a wrong value.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __u64 step = 3;
__u64 total = 1000;
__u64 seen;
static volatile __u32 last_length;
static const volatile __u8 table[4] SEC(".rodata.table") = { XDP_PASS, XDP_DROP, XDP_TX, XDP_PASS };
const volatile char greeting[] = "xdpgen";

static __attribute__((noinline)) int entry(__u64 index)
{
	return table[index & 3];
}

static __attribute__((noinline)) int choose(__u64 index, struct xdp_md *ctx)
{
	last_length = ctx->data_end - ctx->data;
	return entry(index) + (last_length == 0);
}

__attribute__((noinline)) int advance(__u64 by)
{
	total += by;
	seen += 1;
	return seen & 0xff;
}

SEC("xdp")
int xdp_globals(struct xdp_md *ctx)
{
	if (greeting[0] != 'x' || greeting[6] != 0)
		return XDP_ABORTED;
	if (advance(step) != (seen & 0xff))
		return XDP_ABORTED;
	return choose(seen, ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";
