/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A small intrusion detection: looks whether the payload of a TCP segment or a UDP datagram begins with a listed signature.
 *
 * Maps
 *   ids_signatures  hash. Key: __u8[8], the first eight bytes of the payload. Value: __u64, alerts so far. Write 0 when
 *                   adding a signature; the counter is exact on any number of CPUs (atomic add).
 * Globals
 *   alert_only      true: an alert is counted, and the packet passes. Default false: it is dropped.
 * Verdicts  DROP for a listed payload, unless `alert_only`; else PASS. PASS too for what has no payload of eight bytes to
 *           look at: fragments, other protocols, headers that are cut short, shorter payloads whatever fills the frame.
 *
 * Reads headers and eight bytes of payload, of the linear part only: safe for multi-buffer packets.
 */
#include "parse.h"

#define SIGNATURE 8

const volatile _Bool alert_only = 0;

struct signature {
	__u8 bytes[SIGNATURE];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct signature);
	__type(value, __u64);
} ids_signatures SEC(".maps");

/*
 * The beginning of the payload, or NULL where there is none to tell. Ethernet fills short frames up, so the lengths in the
 * headers say where the payload ends.
 */
static __always_inline void *payload_of(struct cursor *at)
{
	struct fragment fragment = {};
	int type, protocol, length;
	struct ipv6hdr *ip6;
	struct ethhdr *eth;
	struct iphdr *ip4;
	void *network;

	type = parse_ethernet(at, &eth);
	network = at->pos;
	if (type == bpf_htons(ETH_P_IP)) {
		protocol = parse_ipv4(at, &ip4, &fragment);
		if (protocol == PARSE_FAILED)
			return NULL;
		length = bpf_ntohs(ip4->tot_len);
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		protocol = parse_ipv6(at, &ip6, &fragment);
		if (protocol == PARSE_FAILED)
			return NULL;
		length = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	} else {
		return NULL;
	}
	if (fragment.is_fragment)
		return NULL;
	if (protocol == IPPROTO_TCP) {
		if (!parse_tcp(at))
			return NULL;
	} else if (protocol == IPPROTO_UDP) {
		struct udphdr *udp = parse_udp(at);

		if (!udp || bpf_ntohs(udp->len) < sizeof(*udp) + SIGNATURE)
			return NULL;
	} else {
		return NULL;
	}
	if (at->pos - network + SIGNATURE > length)
		return NULL;
	return take(at, SIGNATURE);
}

SEC("xdp")
int xdp_ids(struct xdp_md *ctx)
{
	struct cursor at = cursor_of(ctx);
	void *payload = payload_of(&at);
	struct signature signature;
	__u64 *alerts;

	if (!payload)
		return XDP_PASS;
	__builtin_memcpy(signature.bytes, payload, SIGNATURE);
	alerts = bpf_map_lookup_elem(&ids_signatures, &signature);
	if (!alerts)
		return XDP_PASS;
	__sync_fetch_and_add(alerts, 1);
	return alert_only ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
