xdpgen_counters:
    r9 = r1
    *(u32 *)(r10 - 4) = 0
    r2 = r10
    r2 += -4
    r1 = xdpgen__counts ll
    call 1
    if r0 == 0 goto return // never: the key is there
    r1 = r9
    r9 = r0
    w7 = -1
    r6 = r1
    call firewall // firewall: pass -> counter, tx -> denylist (verdict kept), else return
    w1 = w0
    if r1 < 5 goto count_firewall
    w1 = 5
    if w0 == 31 goto count_firewall
    w1 = 6
count_firewall:
    r1 <<= 3
    r1 += r9
    r2 = *(u64 *)(r1 + 0)
    r2 += 1
    *(u64 *)(r1 + 0) = r2
    if w0 == 2 goto to_counter
    if w0 == 3 goto keep_denylist
    if w0 != 31 goto return
to_counter:
    r1 = r6
    call counter // counter: pass -> denylist, else return
    w1 = w0
    if r1 < 5 goto count_counter
    w1 = 5
    if w0 == 31 goto count_counter
    w1 = 6
count_counter:
    r1 <<= 3
    r1 += r9
    r2 = *(u64 *)(r1 + 56)
    r2 += 1
    *(u64 *)(r1 + 56) = r2
    if w0 == 2 goto to_denylist
    if w0 != 31 goto return
to_denylist:
    r1 = r6
    call denylist // denylist: pass -> return kept or own, else return
    w1 = w0
    if r1 < 5 goto count_denylist
    w1 = 5
    if w0 == 31 goto count_denylist
    w1 = 6
count_denylist:
    r1 <<= 3
    r1 += r9
    r2 = *(u64 *)(r1 + 112)
    r2 += 1
    *(u64 *)(r1 + 112) = r2
    if w0 == 2 goto return_kept_or_own
    if w0 == 31 goto return_kept_or_pass
    goto return
keep_denylist:
    w7 = w0
    goto to_denylist
return_kept_or_pass:
    r0 = 2
return_kept_or_own:
    if w7 s< 0 goto return
return_kept:
    w0 = w7
return:
    exit

firewall:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

counter:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

denylist:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit
