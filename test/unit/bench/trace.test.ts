/** What is counted of a trace of system calls. */
import { expect, it } from "vitest";
import { BEGIN, count, END } from "../../../bench/wires/trace.ts";

const LOAD = "bpf(BPF_PROG_LOAD, {prog_type=BPF_PROG_TYPE_XDP, insn_cnt=2}, 144) = 20";

it("counts calls of all threads once, though strace shows some in two lines", () => {
  const calls = count([
    '12 openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3',
    "13 bpf(BPF_BTF_LOAD, {btf=0x1} <unfinished ...>",
    `12 ${LOAD}`,
    "13 <... bpf resumed>, 28)               = 19",
    "12 --- SIGCHLD {si_signo=SIGCHLD} ---",
    "13 +++ exited with 0 +++",
  ]);
  expect(calls).toEqual({ all: 3, bpf: 2, commands: { BPF_BTF_LOAD: 1, BPF_PROG_LOAD: 1 } });
});

it("counts between the two looks only, where there are any", () => {
  const look = (path: string): string => `7 access("${path}", F_OK) = -1 ENOENT (No such file or directory)`;
  expect(count([`7 ${LOAD}`, look(BEGIN), `7 ${LOAD}`, look(END), `7 ${LOAD}`])).toMatchObject({ all: 1, bpf: 1 });
});
