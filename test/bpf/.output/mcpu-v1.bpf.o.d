test/bpf/.output/mcpu-v1.bpf.o.partial: test/bpf/mcpu-v1.bpf.c
