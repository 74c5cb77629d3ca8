xdpgen_mixed:
    r6 = r1
    call counter // counter: pass -> denylist, else return
    if w0 == 2 goto to_denylist
    if w0 != 31 goto return
to_denylist:
    r1 = r6
    call xdp_denylist // denylist: pass -> echo, else return
    if w0 == 1 goto return
    r1 = r6
    call echo // echo: return
    if w0 != 31 goto return
return_pass:
    r0 = 2
return:
    exit

counter:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

echo:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit
