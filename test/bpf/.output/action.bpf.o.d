test/bpf/.output/action.bpf.o.partial: test/bpf/action.bpf.c
