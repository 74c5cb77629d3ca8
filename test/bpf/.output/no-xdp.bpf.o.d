test/bpf/.output/no-xdp.bpf.o.partial: test/bpf/no-xdp.bpf.c
