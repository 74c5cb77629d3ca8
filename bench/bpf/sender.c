/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For benchmarks: sends the frame that it is run on out of one interface, under BPF_PROG_TEST_RUN with live frames, and counts
 * what it has sent. With `mixed`, frames are cut to 60, 590 and 1,514 bytes, seven, four and one of twelve: the simple
 * Internet mix, without the four bytes of the frame check sequence. The frame given must have 1,514 bytes then.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __u32 ifindex = 0;
const volatile __u8 mixed = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sent SEC(".maps");

SEC("xdp")
int xdp_sender(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&sent, &zero);

	if (!count)
		return XDP_ABORTED;
	if (mixed) {
		__u64 place = *count % 12;
		int size = place < 7 ? 60 : place < 11 ? 590 : 1514;
		int given = ctx->data_end - ctx->data;

		if (size != given && bpf_xdp_adjust_tail(ctx, size - given))
			return XDP_ABORTED;
	}
	*count += 1;
	return bpf_redirect(ifindex, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
