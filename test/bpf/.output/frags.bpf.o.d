test/bpf/.output/frags.bpf.o.partial: test/bpf/frags.bpf.c
