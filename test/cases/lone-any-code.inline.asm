xdpgen_lone_any_code:
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
return_pass:
    r0 = 2
return:
    exit
