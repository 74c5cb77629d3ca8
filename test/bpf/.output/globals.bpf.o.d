test/bpf/.output/globals.bpf.o.partial: test/bpf/globals.bpf.c
