/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Returns what it is told to, and leaves traces of having run.
 *
 * Maps      runs: array, key 0: __u64, times that this program ran.
 * Globals   verdict: the return code, default 2 (PASS); any value, not only an action.
 *           mark: when not 0, appended to the list of marks in the packet: [ 14 Ethernet | count | mark, mark, ... ].
 *           A packet that was all zeroes behind its Ethernet header tells in this way which programs ran, and in what
 *           order. A mark with no room for it is left out.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define COUNT_OFFSET 14

const volatile __s32 verdict = XDP_PASS;
const volatile __u8 mark = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

SEC("xdp")
int xdp_verdict(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&runs, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
	if (mark) {
		void *end = (void *)(long)ctx->data_end;
		__u8 *marks = (void *)(long)ctx->data + COUNT_OFFSET;
		__u8 *slot;

		if ((void *)(marks + 1) <= end) {
			slot = marks + 1 + *marks;
			if ((void *)(slot + 1) <= end) {
				*slot = mark;
				*marks += 1;
			}
		}
	}
	return verdict;
}

char _license[] SEC("license") = "Dual BSD/GPL";
