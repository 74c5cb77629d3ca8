/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The program of functions.bpf.c with functions in sections from which libbpf takes none, and which are linked all the same. */
#define ELSEWHERE __attribute__((section(".text.unlikely")))
#define CALLED_ENTRY SEC("xdp")
#include "functions.bpf.c"
