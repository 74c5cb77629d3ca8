xdpgen_proceed_sets:
    r6 = r1
    call on_pass // on-pass: pass -> on-drop, else return
    if w0 == 2 goto to_on_drop
    if w0 != 31 goto return
to_on_drop:
    r1 = r6
    call on_drop // on-drop: drop -> on-ends, else return
    if w0 == 1 goto to_on_ends
    if w0 != 31 goto return
to_on_ends:
    r1 = r6
    call on_ends // on-ends: aborted|redirect -> on-low, else return
    if w0 == 4 goto to_on_low
    if w0 == 31 goto to_on_low
    if w0 != 0 goto return
to_on_low:
    r1 = r6
    call on_low // on-low: aborted|drop|pass -> on-high, else return
    if w0 <= 2 goto to_on_high
    if w0 != 31 goto return
to_on_high:
    r1 = r6
    call on_high // on-high: tx|redirect -> on-odd, else return
    if w0 <= 2 goto return
    if w0 <= 4 goto to_on_odd
    if w0 != 31 goto return
to_on_odd:
    r1 = r6
    call on_odd // on-odd: drop|tx -> on-all, else return
    if w0 == 1 goto to_on_all
    if w0 == 3 goto to_on_all
    if w0 != 31 goto return
to_on_all:
    r1 = r6
    call on_all // on-all: aborted|drop|pass|tx|redirect -> last
    if w0 <= 4 goto to_last
    if w0 != 31 goto return
to_last:
    r1 = r6
    call last // last: drop|pass -> return pass, else return
    if w0 == 2 goto return_pass
    if w0 == 1 goto return_pass
    if w0 != 31 goto return
return_pass:
    r0 = 2
return:
    exit

on_pass:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

on_drop:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

on_ends:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

on_low:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

on_high:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

on_odd:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

on_all:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit

last:
    r0 = 31
    if r0 == 31 goto done
    r2 = 0
    call 65
done:
    exit
