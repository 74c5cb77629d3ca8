xdpgen_two_instances:
    r6 = r1
    call inner_xdp_ratelimit // inner: pass -> outer, else return
    if w0 == 1 goto return
    r1 = r6
    call outer_xdp_ratelimit // outer: return
return:
    exit
