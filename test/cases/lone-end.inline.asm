xdpgen_lone_end:
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto return
    w0 = 31
    if r2 == 31 goto return_drop
return_drop:
    r0 = 1
return:
    exit
