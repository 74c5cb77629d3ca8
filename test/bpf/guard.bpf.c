/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A verdict that is decided when the object is loaded: DROP where the kernel's xdp_buff lacks a field that no kernel has.
 * In the file the CO-RE relocation stands as "the field is there", so that the code reads as if it only passed.
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct xdp_buff___imagined {
	int there_is_no_such_field;
} __attribute__((preserve_access_index));

SEC("xdp")
int xdp_guard(struct xdp_md *ctx)
{
	if (!bpf_core_field_exists(((struct xdp_buff___imagined *)0)->there_is_no_such_field))
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
