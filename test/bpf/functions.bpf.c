/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Functions of every sort that are no entry: weak, hidden, static, one with a callback, and one that is an entry of its own.
 * elsewhere.bpf.c is the same with functions in other sections than .text, where libbpf looks for none.
 *
 * Adds up the packet's first bytes (as many as its length modulo 8), and counts by the sum modulo 4 in `sums`. The verdict
 * is 1 + the sum modulo 3: DROP, PASS or TX; ABORTED for a packet without an Ethernet header.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#ifndef ELSEWHERE
#define ELSEWHERE
#define CALLED_ENTRY
#endif

__u64 sums[4];
__u64 entered;

struct cursor {
	const __u8 *at;
	const __u8 *end;
	__u64 sum;
};

static long add_byte(__u32 index, struct cursor *cursor)
{
	cursor->sum += index;
	return 0;
}

__weak __attribute__((noinline)) ELSEWHERE int third_of(__u64 sum)
{
	return sum % 3;
}

__hidden __attribute__((noinline)) int add_bytes(struct cursor *cursor, __u32 count)
{
	if (cursor->at + 8 > cursor->end)
		return 0;
	for (__u32 i = 0; i < 8; i++)
		cursor->sum += i < (count & 7) ? cursor->at[i] : 0;
	return 1;
}

static __attribute__((noinline)) ELSEWHERE void count(__u64 sum)
{
	sums[sum & 3]++;
}

CALLED_ENTRY __attribute__((noinline)) int xdp_enter(struct xdp_md *ctx)
{
	entered++;
	return ctx->data_end - ctx->data;
}

SEC("xdp")
int xdp_functions(struct xdp_md *ctx)
{
	struct cursor cursor = { (void *)(long)ctx->data, (void *)(long)ctx->data_end, 0 };
	__u32 length = xdp_enter(ctx);

	if (!add_bytes(&cursor, length))
		return XDP_ABORTED;
	bpf_loop(length & 15, add_byte, &cursor, 0);
	count(cursor.sum);
	return 1 + third_of(cursor.sum);
}

char _license[] SEC("license") = "Dual BSD/GPL";
