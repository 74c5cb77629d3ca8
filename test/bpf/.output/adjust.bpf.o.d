test/bpf/.output/adjust.bpf.o.partial: test/bpf/adjust.bpf.c
