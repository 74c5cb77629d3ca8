xdpgen_ties:
    r6 = r1
    call first // first: pass -> zebra, else return
    if w0 == 2 goto to_zebra
    if w0 != 31 goto return
to_zebra:
    r1 = r6
    call zebra // zebra: pass -> ape, else return
    if w0 == 2 goto to_ape
    if w0 != 31 goto return
to_ape:
    r1 = r6
    call ape // ape: return
    if w0 != 31 goto return
return_pass:
    r0 = 2
return:
    exit

first:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

zebra:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

ape:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit
