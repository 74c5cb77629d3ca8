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

/* Keys of samples_taken. */
#define TAKEN 0
#define LOST 1

const volatile __u32 one_in = 1024;

struct sample {
	__u64 time;     /* nanoseconds, bpf_ktime_get_ns() */
	__u32 ifindex;  /* where it came in, */
	__u32 queue;    /* and its receive queue */
	__u32 length;   /* of the packet's linear part */
	__u32 captured; /* bytes that are in `bytes`; zeroes follow */
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

/* Byte by byte, since memcpy wants a constant length. Kept a loop, which the verifier walks (Linux 5.3): unrolled, it would be
 * most of the program. */
static __always_inline __u32 copy(__u8 *to, const __u8 *from, const __u8 *end)
{
	__u32 length = 0;

#pragma clang loop unroll(disable)
	while (length < SNAP && from + length + 1 <= end) {
		to[length] = from[length];
		length++;
	}
	return length;
}

static __always_inline int count(__u32 what)
{
	__u64 *counter = bpf_map_lookup_elem(&samples_taken, &what);

	if (counter)
		*counter += 1;
	return XDP_PASS;
}

SEC("xdp")
int xdp_sample(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct sample *sample;

	if (!one_in || bpf_get_prandom_u32() % one_in)
		return XDP_PASS;
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	/* Asked once: Linux 5.10 forgets that it is not NULL. */
	if (!sample)
		return count(LOST);
	__builtin_memset(sample, 0, sizeof(*sample));
	sample->time = bpf_ktime_get_ns();
	sample->ifindex = ctx->ingress_ifindex;
	sample->queue = ctx->rx_queue_index;
	sample->length = end - data;
	sample->captured = copy(sample->bytes, data, end);
	bpf_ringbuf_submit(sample, 0);
	return count(TAKEN);
}

char _license[] SEC("license") = "Dual BSD/GPL";
