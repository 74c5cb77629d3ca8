test/bpf/.output/run-config.bpf.o.partial: test/bpf/run-config.bpf.c
