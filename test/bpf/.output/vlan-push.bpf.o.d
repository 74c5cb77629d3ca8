test/bpf/.output/vlan-push.bpf.o.partial: test/bpf/vlan-push.bpf.c \
  bpf/parse.h
