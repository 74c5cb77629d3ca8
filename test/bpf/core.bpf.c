/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CO-RE relocations of every family, against types declared here and not as the kernel has them: libbpf must rewrite
 * the instructions, or the values are wrong. The fields stand in another order than in any kernel.
 *
 * Each run writes to .bss: `tgid`, the thread group id of the task that runs this (under BPF_PROG_TEST_RUN, the
 * caller's process id); `task_size`, the size of struct task_struct; `has_tgid` 1 and `has_nonsense` 0, field existence;
 * `redirect_code` 4, an enumerator's value. Verdict PASS. GPL, because reading kernel memory is.
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int tgid;
	int pid;
	int nonsense;
} __attribute__((preserve_access_index));

enum xdp_action___wrong {
	XDP_REDIRECT___wrong = 77,
};

__u32 tgid;
__u32 task_size;
__u32 has_tgid;
__u32 has_nonsense;
__u64 redirect_code;

SEC("xdp")
int xdp_core(struct xdp_md *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	tgid = BPF_CORE_READ(task, tgid);
	task_size = bpf_core_type_size(struct task_struct);
	has_tgid = bpf_core_field_exists(task->tgid);
	has_nonsense = bpf_core_field_exists(task->nonsense);
	redirect_code = bpf_core_enum_value(enum xdp_action___wrong, XDP_REDIRECT___wrong);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
