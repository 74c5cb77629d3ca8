xdpgen_linear:
    r6 = r1
    call counter // counter: pass -> denylist, else return
    if w0 == 2 goto to_denylist
    if w0 != 31 goto return
to_denylist:
    r1 = r6
    call denylist // denylist: pass -> ratelimit, else return
    if w0 == 2 goto to_ratelimit
    if w0 != 31 goto return
to_ratelimit:
    r1 = r6
    call ratelimit // ratelimit: pass -> echo, else return
    if w0 == 2 goto to_echo
    if w0 != 31 goto return
to_echo:
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

denylist:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

ratelimit:
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
