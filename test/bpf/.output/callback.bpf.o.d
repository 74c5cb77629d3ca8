test/bpf/.output/callback.bpf.o.partial: test/bpf/callback.bpf.c
