xdpgen_counters:
    r9 = r1
    *(u32 *)(r10 - 4) = 0
    r2 = r10
    r2 += -4
    r1 = xdpgen__counts ll
    call 1
    if r0 == 0 goto return // never: the key is there
    r1 = r9
    *(u64 *)(r10 - 24) = r0
    *(u32 *)(r10 - 16) = -1
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
    r3 = *(u64 *)(r10 - 24)
    w1 = w0
    if r1 < 5 goto count_firewall
    w1 = 5
    if w0 == 31 goto count_firewall
    w1 = 6
count_firewall:
    r1 <<= 3
    r1 += r3
    r2 = *(u64 *)(r1 + 0)
    r2 += 1
    *(u64 *)(r1 + 0) = r2
    if w0 == 1 goto return
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto left_counter
    w0 = 31
    if r2 == 31 goto left_counter
    w0 = 2
left_counter:
    r3 = *(u64 *)(r10 - 24)
    w1 = w0
    if r1 < 5 goto count_counter
    w1 = 5
    if w0 == 31 goto count_counter
    w1 = 6
count_counter:
    r1 <<= 3
    r1 += r3
    r2 = *(u64 *)(r1 + 56)
    r2 += 1
    *(u64 *)(r1 + 56) = r2
    if w0 == 1 goto return
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto left_denylist
    w0 = 31
    if r2 == 31 goto left_denylist
    w0 = 2
left_denylist:
    r3 = *(u64 *)(r10 - 24)
    w1 = w0
    if r1 < 5 goto count_denylist
    w1 = 5
    if w0 == 31 goto count_denylist
    w1 = 6
count_denylist:
    r1 <<= 3
    r1 += r3
    r2 = *(u64 *)(r1 + 112)
    r2 += 1
    *(u64 *)(r1 + 112) = r2
    if w0 == 2 goto return_kept_or_own
    if w0 == 1 goto return
return_kept_or_pass:
    r0 = 2
return_kept_or_own:
    r7 = *(u32 *)(r10 - 16)
    if w7 s< 0 goto return
return_kept:
    r0 = *(u32 *)(r10 - 16)
return:
    exit
