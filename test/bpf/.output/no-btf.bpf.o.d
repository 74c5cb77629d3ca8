test/bpf/.output/no-btf.bpf.o.partial: test/bpf/no-btf.bpf.c
