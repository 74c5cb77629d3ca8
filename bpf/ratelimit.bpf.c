/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Per-source token bucket: lets each IPv4 or IPv6 source send `rate_pps` packets per second, with bursts of `burst`.
 *
 * Maps
 *   buckets       LRU hash of the sources seen last. Key: __u8 address[16]; IPv4 as ::ffff:a.b.c.d (RFC 4291).
 *                 Value: struct bucket below, host byte order.
 *   bucket_locks  array of spin locks, chosen by a hash of the address.
 *   ratelimit_drops  per-CPU array, key 0: __u64, packets dropped.
 * Globals
 *   rate_pps      packets per second that a source may keep up, default 1000. 0: nothing beyond the first burst.
 *   burst         packets that a source may send at once, default 200. 0: nothing at all.
 * Verdicts  DROP over the limit, else PASS. PASS for what has no IP source (ARP among it).
 *
 * Tokens are counted in billionths of a packet, so that `nanoseconds * rate_pps` needs no division and no remainder is
 * ever lost. A source is full at burst * 10^9 < 2^62, and what it earned is cut to the room left before it is added.
 *
 * What is guaranteed, on any number of CPUs: in every span of t seconds a source gets at most burst + rate_pps * t
 * packets through, for as long as its bucket is in the table. Buckets of an LRU hash cannot hold a lock, so the lock
 * lies beside them; two sources that share one only wait for each other. Under more sources than the table holds, the
 * least recently seen are forgotten and start anew with a full bucket.
 *
 * Reads headers of the linear part only, and no lengths: safe for multi-buffer packets.
 */
#include "parse.h"

#define TOKEN 1000000000ULL
#define LOCKS 1024

const volatile __u32 rate_pps = 1000;
const volatile __u32 burst = 200;

struct source {
	__u8 address[16];
};

struct bucket {
	__u64 tokens; /* billionths of a packet, at most burst * TOKEN */
	__u64 filled; /* when `tokens` was right: bpf_ktime_get_ns() */
};

struct bucket_lock {
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct source);
	__type(value, struct bucket);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LOCKS);
	__type(key, __u32);
	__type(value, struct bucket_lock);
} bucket_locks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} ratelimit_drops SEC(".maps");

static __always_inline int source_of(struct cursor *at, int type, struct source *source)
{
	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = take(at, sizeof(*ip));

		if (!ip || ip->version != 4)
			return 0;
		__builtin_memset(source->address, 0, 10);
		__builtin_memset(source->address + 10, 0xff, 2);
		__builtin_memcpy(source->address + 12, &ip->saddr, 4);
		return 1;
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = take(at, sizeof(*ip));

		if (!ip || ip->version != 6)
			return 0;
		__builtin_memcpy(source->address, &ip->saddr, 16);
		return 1;
	}
	return 0;
}

/* Multiply and fold: enough to spread sources over the locks, and a bad choice only costs waiting. */
static __always_inline __u32 lock_of(const struct source *source)
{
	__u32 words[4];
	__u64 hash;

	__builtin_memcpy(words, source, sizeof(words));
	hash = ((__u64)words[0] << 32 | words[1]) * 0x9e3779b97f4a7c15ULL;
	hash = (hash ^ ((__u64)words[2] << 32 | words[3])) * 0x9e3779b97f4a7c15ULL;
	return hash >> 54; /* the top bits are the best mixed; 64 - 54 bits index LOCKS */
}

/* Whether the source may send one packet `now`; takes the token. Called under the bucket's lock. */
static __always_inline int take_token(struct bucket *bucket, __u64 now, __u64 full)
{
	__u64 tokens = bucket->tokens;
	__u64 room = full - tokens;

	/* `now` was read before the lock was taken: another CPU with a later clock may have been here already. */
	if (now > bucket->filled) {
		__u64 elapsed = now - bucket->filled;
		__u64 earned;

		/* Below 2^32 ns (4 s) the product with a 32-bit rate cannot overflow; only a long idle pays for a division. */
		if (!(elapsed >> 32))
			earned = elapsed * rate_pps;
		else if (rate_pps && elapsed > room / rate_pps)
			earned = room;
		else
			earned = elapsed * rate_pps;
		tokens += earned < room ? earned : room;
		bucket->filled = now;
	}
	if (tokens < TOKEN) {
		bucket->tokens = tokens;
		return 0;
	}
	bucket->tokens = tokens - TOKEN;
	return 1;
}

static __always_inline int drop(void)
{
	__u32 zero = 0;
	__u64 *drops = bpf_map_lookup_elem(&ratelimit_drops, &zero);

	if (drops)
		*drops += 1;
	return XDP_DROP;
}

SEC("xdp")
int xdp_ratelimit(struct xdp_md *ctx)
{
	struct cursor at = cursor_of(ctx);
	__u64 full = burst * TOKEN;
	struct bucket_lock *guard;
	struct bucket *bucket;
	struct source source;
	struct ethhdr *eth;
	__u32 index;
	__u64 now;
	int allowed;

	if (!source_of(&at, parse_ethernet(&at, &eth), &source))
		return XDP_PASS;
	now = bpf_ktime_get_ns();
	bucket = bpf_map_lookup_elem(&buckets, &source);
	if (!bucket) {
		struct bucket fresh = { .tokens = full, .filled = now };

		/* When another CPU is first, its bucket stays and is the one to draw from. */
		bpf_map_update_elem(&buckets, &source, &fresh, BPF_NOEXIST);
		bucket = bpf_map_lookup_elem(&buckets, &source);
		if (!bucket)
			return drop();
	}
	index = lock_of(&source);
	guard = bpf_map_lookup_elem(&bucket_locks, &index);
	if (!guard)
		return drop();
	bpf_spin_lock(&guard->lock);
	allowed = take_token(bucket, now, full);
	bpf_spin_unlock(&guard->lock);
	return allowed ? XDP_PASS : drop();
}

char _license[] SEC("license") = "Dual BSD/GPL";
