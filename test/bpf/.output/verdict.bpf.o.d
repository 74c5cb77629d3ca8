test/bpf/.output/verdict.bpf.o.partial: test/bpf/verdict.bpf.c
