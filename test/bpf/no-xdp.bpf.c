/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A BPF object that holds no XDP program, only a classifier. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int classify(struct __sk_buff *skb)
{
	return skb->len > 1500;
}

char _license[] SEC("license") = "Dual BSD/GPL";
