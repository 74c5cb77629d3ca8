/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an object wants of the kernel: its version, the address of a function, a variable that is not there, a kernel
 * function that kernels have since 6.2, and one that none has. What it wants of the configuration is in kconfig.bpf.c.
 *
 * Variables  version: LINUX_KERNEL_VERSION; found: 1 where the kernel function is; address: of bpf_prog_put
 *
 * PASS; DROP where a thing is there that cannot be.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;

extern const void bpf_prog_put __ksym;
extern const void xdpgen_is_no_part_of_it __ksym __weak;
extern const int xdpgen_has_no_variable __ksym __weak;

extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;
extern int xdpgen_has_no_function(int) __ksym __weak;

int version;
int found;
__u64 address;

static __attribute__((noinline)) int locked(void)
{
	if (!bpf_rcu_read_lock)
		return 0;
	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	return 1;
}

SEC("xdp")
int xdp_externs(struct xdp_md *ctx)
{
	version = LINUX_KERNEL_VERSION;
	found = locked();
	address = (__u64)&bpf_prog_put;
	if (&xdpgen_is_no_part_of_it || &xdpgen_has_no_variable)
		return XDP_DROP;
	if (xdpgen_has_no_function && xdpgen_has_no_function(1))
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
