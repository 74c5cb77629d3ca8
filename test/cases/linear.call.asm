xdpgen_linear:
    r6 = r1
    call xdp_counter // counter: pass -> denylist, else return
    r1 = r6
    call xdp_denylist // denylist: pass -> ratelimit, else return
    if w0 == 1 goto return
    r1 = r6
    call xdp_ratelimit // ratelimit: pass -> echo, else return
    if w0 == 1 goto return
    r1 = r6
    call xdp_echo // echo: return
return:
    exit
