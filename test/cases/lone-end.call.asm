xdpgen_lone_end:
    call xdp_denylist // denylist: pass -> return drop, else return
    if w0 == 1 goto return
return_drop:
    r0 = 1
return:
    exit
