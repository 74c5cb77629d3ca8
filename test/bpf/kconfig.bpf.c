/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Values of the kernel's configuration: a number, one of three, and one that no kernel has. libbpf reads them from
 * /boot/config-* or /proc/config.gz, and loads no such object where it finds neither.
 *
 * Variables  hz: CONFIG_HZ; ipv6: 1 + CONFIG_IPV6
 *
 * PASS; DROP where the value is there that cannot be.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

extern unsigned int CONFIG_HZ __kconfig __weak;
extern enum libbpf_tristate CONFIG_IPV6 __kconfig __weak;
extern _Bool CONFIG_XDPGEN_IS_NO_PART_OF_IT __kconfig __weak;

unsigned int hz;
int ipv6;

SEC("xdp")
int xdp_kconfig(struct xdp_md *ctx)
{
	hz = CONFIG_HZ;
	ipv6 = 1 + CONFIG_IPV6;
	return CONFIG_XDPGEN_IS_NO_PART_OF_IT ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
