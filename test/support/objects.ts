/** Objects that nobody here wrote in TypeScript: what clang makes of C, and what Debian's xdp-tools brings. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { withFile } from "./llvm.ts";

/** Compiles C for BPF, as the sample programs are compiled. */
export function compile(source: string, ...options: string[]): Uint8Array {
  return withFile(source, (path) => {
    const output = `${path}.obj`;
    execFileSync(
      "clang",
      ["-O2", "-g", "-target", "bpf", "-mcpu=v3", ...options, "-x", "c", "-c", path, "-o", output],
      {
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    return new Uint8Array(readFileSync(output));
  });
}

/** Names and bytes of the objects of xdp-tools; none, with a printed reason, where the package is not installed. */
export function distributionObjects(): [name: string, bytes: Uint8Array][] {
  const folders = readdirSync("/usr/lib").map((name) => join("/usr/lib", name, "bpf"));
  const objects = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name): [string, string] => [name, join(folder, name)]))
    .filter(([name]) => name.endsWith(".o"))
    .map(([name, path]): [string, Uint8Array] => [name, new Uint8Array(readFileSync(path))]);
  if (objects.length === 0)
    console.warn("no objects of xdp-tools under /usr/lib/*/bpf: install xdp-tools to test them");
  return objects;
}

/** Sections, symbols, relocations and types of every sort that clang makes. */
export const MANY_FEATURES = `
  #define SEC(name) __attribute__((section(name), used))
  typedef unsigned int u32;
  typedef unsigned long long u64;
  struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
  struct node { struct node *next; union { u32 word; unsigned char bytes[4]; }; u32 low : 5, high : 27; };
  enum mood { CALM = 1, ANGRY = -2 };
  enum wide { HUGE = 0x123456789abcdefULL };
  struct { int (*type)[2]; u32 *key; struct node *value; int (*max_entries)[4]; } many SEC(".maps");
  const volatile u32 limit = 7;
  static volatile const char name[] = "name";
  volatile u64 total = 1;
  static volatile u32 zeroed[16];
  volatile double ratio = 0.5;
  struct task { int pid; enum mood mood; enum wide wide; } __attribute__((preserve_access_index));
  static void *(*lookup)(void *, const void *) = (void *)1;
  static __attribute__((noinline)) u32 local(u32 x, volatile u32 *at) { *at += x; return x * limit + name[x & 3]; }
  __attribute__((noinline)) int global(struct node *restrict n) { return n ? n->high + (int)n->word : -1; }
  extern int missing(int (*)(struct node *, ...)) __attribute__((weak, section(".ksyms")));
  SEC("xdp") int first(struct xdp_md *ctx) {
    u32 key = ctx->rx_queue_index;
    struct node *n = lookup(&many, &key);
    struct task *t = (void *)(long)ctx->data;
    total += local(key, &zeroed[key & 15]) + t->pid + t->mood;
    __sync_fetch_and_add(&total, 3);
    return global(n) > 3 ? 1 : 2;
  }
  SEC("xdp.frags") int second(struct xdp_md *ctx) { return ctx->data ? local(3, &zeroed[1]) : missing(0); }
  char _license[] SEC("license") = "GPL";
`;
