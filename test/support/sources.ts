/** Assembly texts of whole objects, which between them have every directive and sort of name. */
export const SOURCES: readonly string[] = [
  ".set N, 3\n.equ M, N * 2 + 1\n.text\nf:\n1: r0 = 1\ngoto 1b\n.p2align 4\n.fill N, 2, 7\n.zero M\n",
  '.section xdp,"ax",@progbits\n.globl f\n.type f,@function\nf:\nr1 = counts ll\ncall g\nexit\n.Lend:\n.size f, .Lend-f\n.weak g\n',
  '.data\n.balign 8, 1\na: .quad b + 4, b - a\n.long .-a\nb: .ascii "x\\n\\101", "y"\n.asciz ""\n.uleb128 300\n.sleb128 -2\n.zero 5\n.skip 2, 3\n',
  '.bss\n.comm shared, 16, 8\n.lcomm own, 4\n.local x\nx: .space 8\n.section .maps,"aw"\n.hidden x\n.pushsection .text\nexit\n.popsection\n.previous\n',
  '.file "a.c"\n.text\nexit\nexit\n.reloc 0, R_BPF_64_64, s\n.data\n.byte 1, \'a\', -1\n.short 2; .int 3 # c\n.ident "i"\n',
  '.globl "a b"\n.weak "é;#\\""\n"a b": exit\ncall "a b"\ncall "é;#\\""\nr1 = "r2" ll\n.data\n"1b": .quad "a b"\n',
  '.data\n.ascii "\\0011\\0022\\377\\t\\"\\\\ # ; /*"\n.section .rodata.str1.1,"aMS",@progbits,1\n.Ls: .asciz "s"\n.data\n.quad .Ls\n.long .Ls\n',
  '.section "two words","a",@0x6fff0000\n.byte 1\n.section s,"ax",@progbits,unique,1\nexit\n.section s,"ax",@progbits,unique,2\nf: r1 = f ll\nexit\n',
];
