/** Constants of the kernel's user-space interface (include/uapi/linux/bpf.h, if_link.h, if.h, sched.h, sys/file.h) that calls need. */

export const BPF_PROG_TYPE_XDP = 6;
export const BPF_PROG_TYPE_EXT = 28;
/** enum bpf_attach_type. */
export const BPF_XDP = 37;
/** include/linux/bpf_verifier.h: the path that failed; everything that was walked. */
export const BPF_LOG_LEVEL1 = 1;
export const BPF_LOG_LEVEL2 = 2;
/** Figures of the whole at the end, and no path. */
export const BPF_LOG_STATS = 4;
export const BPF_F_XDP_HAS_FRAGS = 32;
export const BPF_F_REPLACE = 4;
export const BPF_F_TEST_XDP_LIVE_FRAMES = 2;

export const XDP_FLAGS_UPDATE_IF_NOEXIST = 1;
export const XDP_FLAGS_SKB_MODE = 2;
export const XDP_FLAGS_DRV_MODE = 4;

/** Bytes of an interface's name, the zero at its end included. */
export const IFNAMSIZ = 16;
export const CLONE_NEWNET = 0x4000_0000;

export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;

/** asm/unistd.h: x86-64 has a table of its own, all younger architectures share one. */
export const SYS_membarrier = process.arch === "x64" ? 324 : 283;
export const MEMBARRIER_CMD_GLOBAL = 1;
