test/bpf/.output/two.bpf.o.partial: test/bpf/two.bpf.c
