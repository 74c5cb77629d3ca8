; an XDP program with a mistake in most of its lines
start:
	r6 = r1
	r2 = *(u24 *)(r1 + 0)		// a size that does not exist
	r3 = *(u32 *)(r6 + 40000)
	w1 = *(u64 *)(r6 + 0)
	r12 = 0
	r1 = 0x1122334455667788
	r1 += w2
	r1 = -r2
	r1 = 010
	if r1 = 5 goto out
	if r1 > 0xffffffff goto out
	goto ou
	call bpf_map_lookup_elm#1
	call bpf_map_update_elem#1
	r1 = counters
	mov r0, 2
	exti
start:
	(b4) r0 = 2
out:
	exit
