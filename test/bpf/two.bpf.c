/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Two XDP functions in one object, sharing a map and a subprogram: a chain has to name the one it means. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

static __attribute__((noinline)) int count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&runs, &key);

	if (!value)
		return 0;
	__sync_fetch_and_add(value, 1);
	return 1;
}

SEC("xdp")
int xdp_first(struct xdp_md *ctx)
{
	return count(0) ? XDP_PASS : XDP_ABORTED;
}

SEC("xdp")
int xdp_second(struct xdp_md *ctx)
{
	return count(1) ? XDP_DROP : XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
