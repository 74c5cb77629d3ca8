xdpgen_lone_any_code:
    call verdict // verdict: return
    if w0 != 31 goto return
return_pass:
    r0 = 2
return:
    exit

verdict:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit
