/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether a packet met one generation of a chain: the first program writes the number of its generation into the packet,
 * and the last one counts the packets that carry its own and those that carry another. Each generation has its own
 * object, by the global.
 *
 * Maps
 *   generation_seen  per-CPU array, key 0: __u64, packets that came to the last program; key 1: those of them that carried
 *                    another number.
 * Globals
 *   generation  the number.
 * Verdicts  PASS, and DROP for the last; ABORTED for packets shorter than the place of the number.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* Behind the addresses of Ethernet and its type. */
#define PLACE 16

const volatile __u32 generation = 0;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} generation_seen SEC(".maps");

static __always_inline __u32 *place_in(struct xdp_md *ctx)
{
	__u32 *place = (void *)(long)ctx->data + PLACE;

	return (void *)(place + 1) > (void *)(long)ctx->data_end ? 0 : place;
}

static __always_inline void count(__u32 key)
{
	__u64 *counter = bpf_map_lookup_elem(&generation_seen, &key);

	if (counter)
		*counter += 1;
}

SEC("xdp")
int xdp_write_generation(struct xdp_md *ctx)
{
	__u32 *place = place_in(ctx);

	if (!place)
		return XDP_ABORTED;
	*place = generation;
	return XDP_PASS;
}

SEC("xdp")
int xdp_read_generation(struct xdp_md *ctx)
{
	__u32 *place = place_in(ctx);

	if (!place)
		return XDP_ABORTED;
	count(0);
	if (*place != generation)
		count(1);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
