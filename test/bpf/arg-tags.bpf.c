/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Global functions with tags on their arguments, without which the verifier does not take them (Linux 6.8): a pointer that
 * is never NULL, and a context of no type. PASS for packets of even length, else DROP.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define TAG(name) __attribute__((btf_decl_tag("arg:" name)))

struct lengths {
	__u32 last;
	__u32 total;
};

struct lengths seen;

__attribute__((noinline)) int note(struct lengths *lengths TAG("nonnull"), __u32 length)
{
	lengths->last = length;
	lengths->total += length;
	return lengths->last & 1;
}

__attribute__((noinline)) int length_of(void *ctx TAG("ctx"))
{
	struct xdp_md *md = ctx;

	return md->data_end - md->data;
}

SEC("xdp")
int xdp_arg_tags(struct xdp_md *ctx)
{
	return note(&seen, length_of(ctx)) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
