/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sampling tap: copies the beginning of one packet in `one_in`, chosen at random, to a ring buffer for a program in user
 * space. Never changes what becomes of a packet.
 *
 * Maps
 *   samples        ring buffer of struct sample below, host byte order. Needs Linux 5.8.
 *   samples_taken  per-CPU array of __u64: key 0 samples taken, key 1 samples lost because the ring buffer was full.
 * Globals
 *   one_in         1: every packet. Default 1024. 0: none.
 * Verdicts  always PASS.
 *
 * Copies from the linear part only: safe for multi-buffer packets, whose later parts it does not see.
 */
#include "parse.h"

#define SNAP 64

const volatile __u32 one_in = 1024;

struct sample {
	__u64 time;     /* nanoseconds, bpf_ktime_get_ns() */
	__u32 ifindex;  /* where it came in */
	__u32 length;   /* of the packet's linear part */
	__u32 captured; /* bytes that are in `bytes` */
	__u8 bytes[SNAP];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} samples_taken SEC(".maps");

SEC("xdp")
int xdp_sample(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct sample *sample;
	__u64 *taken;
	__u32 lost;

	if (!one_in || bpf_get_prandom_u32() % one_in)
		return XDP_PASS;
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	lost = !sample;
	if (sample) {
		__u32 captured = 0;

		sample->time = bpf_ktime_get_ns();
		sample->ifindex = ctx->ingress_ifindex;
		sample->length = end - data;
#pragma unroll
		for (int i = 0; i < SNAP; i++) {
			sample->bytes[i] = 0;
			if (data + i + 1 > end)
				continue;
			sample->bytes[i] = data[i];
			captured++;
		}
		sample->captured = captured;
		bpf_ringbuf_submit(sample, 0);
	}
	taken = bpf_map_lookup_elem(&samples_taken, &lost);
	if (taken)
		*taken += 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
