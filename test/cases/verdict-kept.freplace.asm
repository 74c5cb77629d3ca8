xdpgen_verdict_kept:
    r6 = r1
    call firewall // firewall: pass -> counter, tx|redirect -> ids (verdict kept), else return
    if w0 == 2 goto to_counter
    if w0 <= 1 goto return
    if w0 <= 4 goto keep_ids
    if w0 != 31 goto return
to_counter:
    r1 = r6
    call counter // counter: return
    if w0 == 31 goto return_pass
    goto return
keep_ids:
    w7 = w0
    r1 = r6
    call ids // ids: pass -> return kept, else return
    if w0 == 2 goto return_kept
    if w0 != 31 goto return
return_kept:
    w0 = w7
return:
    exit
return_pass:
    r0 = 2
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

ids:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit
