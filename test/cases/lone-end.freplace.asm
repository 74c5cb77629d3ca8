xdpgen_lone_end:
    call denylist // denylist: pass -> return drop, else return
    if w0 == 2 goto return_drop
    if w0 != 31 goto return
return_drop:
    r0 = 1
return:
    exit

denylist:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit
