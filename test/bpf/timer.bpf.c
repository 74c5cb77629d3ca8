/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counts packets by their length modulo 4, under a spin lock; the first of each kind starts a timer (bpf_timer, Linux 5.15 and
 * later), whose callback tells a ring buffer and marks the kind as fired. Drops every other packet of a kind.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define CLOCK_MONOTONIC 1
#define KINDS 4

struct kind {
	struct bpf_spin_lock lock;
	__u32 packets;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KINDS);
	__type(key, __u32);
	__type(value, struct kind);
} kinds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KINDS);
	__type(key, __u32);
	__type(value, __u64);
} fired SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} firings SEC(".maps");

static int fire(void *map, __u32 *key, struct kind *kind)
{
	__u64 *count = bpf_map_lookup_elem(&fired, key);
	__u32 which = *key;

	if (count)
		__sync_fetch_and_add(count, 1);
	bpf_ringbuf_output(&firings, &which, sizeof(which), 0);
	return 0;
}

SEC("xdp")
int xdp_timer(struct xdp_md *ctx)
{
	__u32 key = (ctx->data_end - ctx->data) % KINDS;
	struct kind *kind = bpf_map_lookup_elem(&kinds, &key);
	__u32 nth;

	if (!kind)
		return XDP_ABORTED;
	bpf_spin_lock(&kind->lock);
	nth = kind->packets++;
	bpf_spin_unlock(&kind->lock);
	if (nth == 0) {
		bpf_timer_init(&kind->timer, &kinds, CLOCK_MONOTONIC);
		bpf_timer_set_callback(&kind->timer, fire);
		bpf_timer_start(&kind->timer, 0, 0);
	}
	return nth & 1 ? XDP_DROP : XDP_PASS;
}

/* Timers are for programs under the GPL only. */
char _license[] SEC("license") = "GPL";
