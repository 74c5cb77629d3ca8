/** Symbolic names of error numbers: those of the system, those that only the kernel has, and libbpf's own. */
import { getSystemErrorName } from "node:util";

/** include/linux/errno.h and libbpf's libbpf.h; libuv has no name, or another one, for these. */
const OTHERS: ReadonlyMap<number, string> = new Map([
  [67, "ENOLINK"],
  [95, "EOPNOTSUPP"],
  [117, "EUCLEAN"],
  [524, "ENOTSUPP"],
  [4000, "LIBBPF_ERRNO__LIBELF"],
  [4001, "LIBBPF_ERRNO__FORMAT"],
  [4002, "LIBBPF_ERRNO__KVERSION"],
  [4003, "LIBBPF_ERRNO__ENDIAN"],
  [4004, "LIBBPF_ERRNO__INTERNAL"],
  [4005, "LIBBPF_ERRNO__RELOC"],
  [4006, "LIBBPF_ERRNO__LOAD"],
  [4007, "LIBBPF_ERRNO__VERIFY"],
  [4008, "LIBBPF_ERRNO__PROG2BIG"],
  [4009, "LIBBPF_ERRNO__KVER"],
  [4010, "LIBBPF_ERRNO__PROGTYPE"],
  [4011, "LIBBPF_ERRNO__WRNGPID"],
  [4012, "LIBBPF_ERRNO__INVSEQ"],
  [4013, "LIBBPF_ERRNO__NLPARSE"],
]);

/** `2` -> `ENOENT`. A number without a name is returned as `errno N`. */
export function errnoName(errno: number): string {
  const known = OTHERS.get(errno);
  if (known) return known;
  const name = errno > 0 ? getSystemErrorName(-errno) : "";
  return /^E[A-Z0-9]+$/.test(name) ? name : `errno ${errno}`;
}
