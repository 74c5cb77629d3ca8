xdpgen_tenants:
    *(u64 *)(r10 - 8) = r1
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto left_classify
    w0 = 31
    if r2 == 31 goto left_classify
    w0 = 2
left_classify:
    if w0 == 0 goto return_drop
    if w0 <= 2 goto to_account
    if w0 == 4 goto to_blue_acl
    if w0 == 31 goto to_account
    if w0 != 3 goto return
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto return
    w0 = 31
    if r2 == 31 goto to_red_acl
to_red_acl:
    r1 = *(u64 *)(r10 - 8)
    r1 = *(u32 *)(r1 + 0)
    r2 = *(u8 *)(r1 + 0)
    r3 = *(u8 *)(r1 + 1)
    r3 += 1
    *(u8 *)(r1 + 1) = r3
    w0 = 1
    if r2 == 1 goto return
    w0 = 31
    if r2 == 31 goto to_account
    goto to_account
to_blue_acl:
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
to_account:
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
return_pass:
    r0 = 2
    exit
return_drop:
    r0 = 1
return:
    exit
