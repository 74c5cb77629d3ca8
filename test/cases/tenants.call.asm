xdpgen_tenants:
    r6 = r1
    call classify_xdp_verdict // classify: aborted -> return drop, drop|pass -> account, tx -> red-limit, redirect -> blue-acl
    if w0 == 0 goto return_drop
    if w0 <= 2 goto to_account
    if w0 == 4 goto to_blue_acl
    if w0 == 31 goto to_account
    if w0 != 3 goto return
    r1 = r6
    call red_limit_xdp_verdict // red-limit: pass -> red-acl, else return
    if w0 == 2 goto to_red_acl
    if w0 != 31 goto return
to_red_acl:
    r1 = r6
    call red_acl_xdp_verdict // red-acl: pass -> account, else return
    if w0 == 2 goto to_account
    if w0 == 31 goto to_account
    goto return
to_blue_acl:
    r1 = r6
    call blue_acl_xdp_verdict // blue-acl: return
    if w0 == 31 goto return_pass
    goto return
to_account:
    r1 = r6
    call account_xdp_verdict // account: return
    if w0 != 31 goto return
return_pass:
    r0 = 2
    exit
return_drop:
    r0 = 1
return:
    exit
