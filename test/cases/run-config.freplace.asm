xdpgen_run_config:
    r6 = r1
    call own // own: drop -> overridden, else return
    if w0 == 1 goto to_overridden
    if w0 != 31 goto return
to_overridden:
    r1 = r6
    call overridden // overridden: return
    if w0 != 31 goto return
return_pass:
    r0 = 2
return:
    exit

own:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

overridden:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit
