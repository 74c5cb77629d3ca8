test/bpf/.output/rejected.bpf.o.partial: test/bpf/rejected.bpf.c
