xdp_denylist: the program itself
