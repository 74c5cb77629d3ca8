/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Traffic generator: sends every frame that it is run on out of one interface.
 *
 * It is never attached. BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES (Linux 5.18 and later) makes `repeat` real
 * frames out of the one given, runs this program on each, and carries out its redirect. Out of one end of a veth pair,
 * they arrive at the other end's native XDP hook, some millions per second on one CPU.
 *
 * Maps
 *   traffic_sent  per-CPU array, key 0: __u64, frames handed to the interface.
 * Globals
 *   traffic_ifindex  the interface to send from, in the network namespace of the caller.
 * Verdicts  REDIRECT; ABORTED when `traffic_ifindex` is not set.
 *
 * The kernel runs frames in batches of `batch_size` (64 by default, at most 256). What they meet in a veth pair:
 *   - the receiving end needs an XDP program (or, for generic XDP, GRO on), else every frame is freed, and
 *     from Linux 6.3 on nothing counts it;
 *   - its ring holds 256 frames and is emptied after each batch by the CPU that sent it. One sender for each queue of
 *     the pair loses nothing; two that share a queue do, and so may batches near 256. Frames that find the ring full
 *     are in tx_dropped of `traffic_ifindex`: traffic_sent = received + dropped.
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

SEC("xdp")
int xdp_traffic(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *sent;

	if (!traffic_ifindex)
		return XDP_ABORTED;
	sent = bpf_map_lookup_elem(&traffic_sent, &zero);
	if (sent)
		*sent += 1;
	return bpf_redirect(traffic_ifindex, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
