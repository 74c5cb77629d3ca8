xdpgen_proceed_sets:
    *(u64 *)(r10 - 8) = r1
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto return
    w0 = 31
    if r2 == 31 goto to_on_drop
to_on_drop:
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto to_on_ends
    w0 = 31
    if r2 == 31 goto to_on_ends
    w0 = 2
    exit
to_on_ends:
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto return
    w0 = 31
    if r2 == 31 goto to_on_low
    w0 = 2
    exit
to_on_low:
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto to_on_high
    w0 = 31
    if r2 == 31 goto to_on_high
to_on_high:
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto return
    w0 = 31
    if r2 == 31 goto to_on_odd
    w0 = 2
    exit
to_on_odd:
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto to_on_all
    w0 = 31
    if r2 == 31 goto to_on_all
    w0 = 2
    exit
to_on_all:
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto to_last
    w0 = 31
    if r2 == 31 goto to_last
to_last:
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto return_pass
    w0 = 31
    if r2 == 31 goto return_pass
return_pass:
    r0 = 2
return:
    exit
