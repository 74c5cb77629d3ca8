/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The program of map-in-map.bpf.c with static maps, which libbpf loads in no object, and which are linked all the same. */
#define LINKAGE static
#include "map-in-map.bpf.c"
