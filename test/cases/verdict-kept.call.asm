xdpgen_verdict_kept:
    r6 = r1
    call firewall_xdp_verdict // firewall: pass -> counter, tx|redirect -> ids (verdict kept), else return
    if w0 == 2 goto to_counter
    if w0 <= 1 goto return
    if w0 <= 4 goto keep_ids
    if w0 != 31 goto return
to_counter:
    r1 = r6
    call counter_xdp_verdict // counter: return
    if w0 == 31 goto return_pass
    goto return
keep_ids:
    w7 = w0
    r1 = r6
    call ids_xdp_verdict // ids: pass -> return kept, else return
    if w0 == 2 goto return_kept
    if w0 != 31 goto return
return_kept:
    w0 = w7
return:
    exit
return_pass:
    r0 = 2
    exit
