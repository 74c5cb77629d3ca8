loop: r0 = 0
loop: r0 = 1
	goto lop
	if r0 == 1 goto somewhere
	goto 1f
1:	goto 2b
	call lop			# no mistake: a function elsewhere
.section xdp, "ax"
end:
