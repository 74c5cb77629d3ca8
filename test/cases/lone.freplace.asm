xdpgen_lone:
    r0 = 2
    if r0 == 2 goto done
    r2 = 0
    call 65
done:
    exit
