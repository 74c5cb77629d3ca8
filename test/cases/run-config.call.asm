xdpgen_run_config:
    r6 = r1
    call own_xdp_run_config // own: drop -> overridden, else return
    r1 = r6
    call overridden_xdp_run_config // overridden: return
    exit
