test/bpf/.output/stack.bpf.o.partial: test/bpf/stack.bpf.c
