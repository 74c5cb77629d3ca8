test/bpf/.output/tail-call.bpf.o.partial: test/bpf/tail-call.bpf.c
