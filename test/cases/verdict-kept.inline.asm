xdpgen_verdict_kept:
    *(u64 *)(r10 - 8) = r1
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto left_firewall
    w0 = 31
    if r2 == 31 goto left_firewall
    w0 = 2
left_firewall:
    if w0 == 2 goto to_counter
    if w0 <= 1 goto return
    if w0 <= 4 goto keep_ids
    if w0 != 31 goto return
to_counter:
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto return
    w0 = 31
    if r2 == 31 goto return_pass
    w0 = 2
    exit
keep_ids:
    *(u32 *)(r10 - 16) = r0
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto return
    w0 = 31
    if r2 == 31 goto return_kept
return_kept:
    r0 = *(u32 *)(r10 - 16)
return:
    exit
return_pass:
    r0 = 2
    exit
