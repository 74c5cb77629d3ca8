/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For benchmarks: one end of a game of ping-pong with one ball. Sends each frame back with XDP_TX and notes how long it was
 * away since it last came by here: in times[t], for t of 16 ns each, the last for all that took longer. After `most` times the
 * ball is dropped.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define PLACES 65536

const volatile __u32 most = 0;

struct game {
	__u64 last;
	__u32 played;
	__u32 times[PLACES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct game);
} games SEC(".maps");

SEC("xdp")
int xdp_ball(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct game *game = bpf_map_lookup_elem(&games, &zero);
	__u64 now = bpf_ktime_get_ns();

	if (!game)
		return XDP_ABORTED;
	if (game->last) {
		__u64 place = (now - game->last) / 16;

		if (place >= PLACES)
			place = PLACES - 1;
		game->times[place & (PLACES - 1)] += 1;
	}
	game->last = now;
	game->played += 1;
	return game->played > most ? XDP_DROP : XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";
