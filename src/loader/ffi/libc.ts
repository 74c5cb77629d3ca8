/** libc, as far as Node does not offer it. */
import koffi from "koffi";
import { declare, type Memory } from "./declare.ts";

const libc = koffi.load("libc.so.6");

export const close = declare<(fd: number) => number>(libc, "int close(int fd)");
export const flock = declare<(fd: number, operation: number) => number>(libc, "int flock(int fd, int operation)");
export const if_nametoindex = declare<(name: string) => number>(
  libc,
  "unsigned int if_nametoindex(const char *ifname)",
);
export const if_indextoname = declare<(index: number, name: Uint8Array) => bigint | null>(
  libc,
  "void *if_indextoname(unsigned int ifindex, void *ifname)",
);
export const setns = declare<(fd: number, nstype: number) => number>(libc, "int setns(int fd, int nstype)");
export const mount = declare<(source: string, target: string, type: string, flags: number, data: Memory) => number>(
  libc,
  "int mount(const char *source, const char *target, const char *filesystemtype, unsigned long mountflags, const void *data)",
);
/** `va_list` is passed on as the pointer that a callback receives. */
export const vsnprintf = declare<(s: Uint8Array, maxlen: number, format: bigint, args: bigint) => number>(
  libc,
  "int vsnprintf(void *s, size_t maxlen, const void *format, void *arg)",
);
/** glibc has no wrapper for membarrier(2). It waits, so it is for a worker thread. */
export const syscall = declare<(number: number, command: number, flags: number, cpu: number) => number>(
  libc,
  "long syscall(long number, int command, unsigned int flags, int cpu_id)",
);
