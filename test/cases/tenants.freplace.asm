xdpgen_tenants:
    r6 = r1
    call classify // classify: aborted -> return drop, drop|pass -> account, tx -> red-limit, redirect -> blue-acl
    if w0 == 0 goto return_drop
    if w0 <= 2 goto to_account
    if w0 == 4 goto to_blue_acl
    if w0 == 31 goto to_account
    if w0 != 3 goto return
    r1 = r6
    call red_limit // red-limit: pass -> red-acl, else return
    if w0 == 2 goto to_red_acl
    if w0 != 31 goto return
to_red_acl:
    r1 = r6
    call red_acl // red-acl: pass -> account, else return
    if w0 == 2 goto to_account
    if w0 == 31 goto to_account
    goto return
to_blue_acl:
    r1 = r6
    call blue_acl // blue-acl: return
    if w0 == 31 goto return_pass
    goto return
to_account:
    r1 = r6
    call account // account: return
    if w0 != 31 goto return
return_pass:
    r0 = 2
    exit
return_drop:
    r0 = 1
return:
    exit

classify:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

red_limit:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

red_acl:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

blue_acl:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

account:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit
