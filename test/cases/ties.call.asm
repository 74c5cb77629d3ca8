xdpgen_ties:
    r6 = r1
    call xdp_echo // first: pass -> zebra, else return
    if w0 != 2 goto return
    r1 = r6
    call xdp_counter // zebra: pass -> ape, else return
    r1 = r6
    call xdp_denylist // ape: return
return:
    exit
