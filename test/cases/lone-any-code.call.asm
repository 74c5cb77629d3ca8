xdpgen_lone_any_code:
    call xdp_verdict // verdict: return
    if w0 != 31 goto return
return_pass:
    r0 = 2
return:
    exit
