/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sends a copy of every packet that it is run on out of one interface, as bpf/traffic.bpf.c does with frames: for kernels
 * whose BPF_PROG_TEST_RUN has no live frames (before Linux 5.18). Run on a packet `repeat` times, it sends so many.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __u32 traffic_ifindex = 0;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} traffic_sent SEC(".maps");

SEC("tc")
int tc_clone(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *sent = bpf_map_lookup_elem(&traffic_sent, &zero);

	/* One that a full ring drops is among those handed over: some kernels say so (NET_XMIT_DROP), others say nothing. */
	if (sent && bpf_clone_redirect(skb, traffic_ifindex, 0) >= 0)
		*sent += 1;
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
