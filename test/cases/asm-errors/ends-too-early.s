r0 =
r0 +=
r0 = -
r0 = *
r0 = *(u32 *)
r0 = *(u32 *)(r1 +
*(u64 *)(r1 + 0)
if
if r1
if r1 ==
if r1 == 5
goto
call
call kfunc(
lock
r1 = map_value(5,
r1 = map_fd(5)
(95)
