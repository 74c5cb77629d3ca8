test/bpf/.output/core.bpf.o.partial: test/bpf/core.bpf.c
