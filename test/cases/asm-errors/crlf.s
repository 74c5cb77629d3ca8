r0 = 0
	r1 = 5 6
	exit /* unfinished
