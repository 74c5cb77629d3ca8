xdpgen_two_instances:
    r6 = r1
    call inner // inner: pass -> outer, else return
    if w0 == 2 goto to_outer
    if w0 != 31 goto return
to_outer:
    r1 = r6
    call outer // outer: return
    if w0 != 31 goto return
return_pass:
    r0 = 2
return:
    exit

inner:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

outer:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit
