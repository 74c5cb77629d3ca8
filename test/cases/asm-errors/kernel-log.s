0: (b7) r0 = 0                        ; R0_w=0
1: (b7) w0 = 0                        ; R0_w=0
; if (verdict) @ xdp.c:12
2: (85) call bpf_map_lookup_elem#290016 ; R0_w=scalar()
3: (55) if r0 != 0x1ffffffff goto pc+1  ; R0_w=0
4: (bf) r0 = &(void __percpu *)(r0)
processed 5 insns (limit 1000000) max_states_per_insn 0
       5:	b7 00 00 00 01 00 00 00	r0 = 2
       6:	ff 00 00 00 00 00 00 00	<unknown>
