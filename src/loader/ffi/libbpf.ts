/**
 * libbpf.so.1, as far as it is used: the table of its prototypes, and what it prints. C names live in this folder only.
 * Source: bpf.h and libbpf.h of libbpf 1.1; everything here is in every later 1.x too.
 */
import koffi from "koffi";
import { XdpgenError } from "../../errors.ts";
import { declare, type Memory, type Pointer } from "./declare.ts";
import { vsnprintf } from "./libc.ts";

type Get<R> = (handle: Pointer) => R;
type Next = (object: Pointer, previous: Pointer) => Pointer;

function openLibrary() {
  let library;
  try {
    library = koffi.load("libbpf.so.1");
  } catch (cause) {
    throw new XdpgenError(
      "environment",
      "cannot load libbpf.so.1, the library that loads BPF objects: install it (Debian and Ubuntu: `apt install libbpf1`, " +
        "Fedora: `dnf install libbpf`)",
      { cause },
    );
  }
  const c = <F extends (...args: never[]) => unknown>(prototype: string) => declare<F>(library, prototype);
  // prettier-ignore
  return {
    libbpf_version_string: c<() => string>("const char *libbpf_version_string(void)"),
    libbpf_bpf_prog_type_str: c<(type: number) => string | null>("const char *libbpf_bpf_prog_type_str(enum bpf_prog_type t)"),
    libbpf_set_print: c<(fn: Pointer) => Pointer>("libbpf_print_fn_t libbpf_set_print(libbpf_print_fn_t fn)"),

    bpf_object__open_mem: c<(buf: Uint8Array, size: number, opts: Uint8Array) => Pointer>("struct bpf_object *bpf_object__open_mem(const void *obj_buf, size_t obj_buf_sz, const struct bpf_object_open_opts *opts)"),
    bpf_object__load: c<Get<number>>("int bpf_object__load(struct bpf_object *obj)"),
    bpf_object__close: c<Get<void>>("void bpf_object__close(struct bpf_object *obj)"),
    bpf_object__next_program: c<Next>("struct bpf_program *bpf_object__next_program(const struct bpf_object *obj, struct bpf_program *prog)"),
    bpf_object__next_map: c<Next>("struct bpf_map *bpf_object__next_map(const struct bpf_object *obj, const struct bpf_map *map)"),

    bpf_object__find_map_by_name: c<(object: Pointer, name: string) => Pointer>("struct bpf_map *bpf_object__find_map_by_name(const struct bpf_object *obj, const char *name)"),

    bpf_program__name: c<Get<string>>("const char *bpf_program__name(const struct bpf_program *prog)"),
    bpf_program__fd: c<Get<number>>("int bpf_program__fd(const struct bpf_program *prog)"),
    bpf_program__set_autoload: c<(prog: Pointer, autoload: boolean) => number>("int bpf_program__set_autoload(struct bpf_program *prog, bool autoload)"),
    bpf_program__set_type: c<(prog: Pointer, type: number) => number>("int bpf_program__set_type(struct bpf_program *prog, enum bpf_prog_type type)"),
    bpf_program__set_expected_attach_type: c<(prog: Pointer, type: number) => number>("int bpf_program__set_expected_attach_type(struct bpf_program *prog, enum bpf_attach_type type)"),
    bpf_program__autoload: c<Get<boolean>>("bool bpf_program__autoload(const struct bpf_program *prog)"),
    bpf_program__set_log_level: c<(prog: Pointer, level: number) => number>("int bpf_program__set_log_level(struct bpf_program *prog, __u32 log_level)"),
    bpf_program__set_log_buf: c<(prog: Pointer, buffer: Uint8Array, size: number) => number>("int bpf_program__set_log_buf(struct bpf_program *prog, char *log_buf, size_t log_size)"),
    bpf_program__set_attach_target: c<(prog: Pointer, fd: number, name: string) => number>("int bpf_program__set_attach_target(struct bpf_program *prog, int attach_prog_fd, const char *attach_func_name)"),

    bpf_map__name: c<Get<string>>("const char *bpf_map__name(const struct bpf_map *map)"),
    bpf_map__fd: c<Get<number>>("int bpf_map__fd(const struct bpf_map *map)"),
    bpf_map__type: c<Get<number>>("enum bpf_map_type bpf_map__type(const struct bpf_map *map)"),
    bpf_map__key_size: c<Get<number>>("__u32 bpf_map__key_size(const struct bpf_map *map)"),
    bpf_map__value_size: c<Get<number>>("__u32 bpf_map__value_size(const struct bpf_map *map)"),
    bpf_map__max_entries: c<Get<number>>("__u32 bpf_map__max_entries(const struct bpf_map *map)"),
    bpf_map__map_flags: c<Get<number>>("__u32 bpf_map__map_flags(const struct bpf_map *map)"),
    bpf_map__pin_path: c<Get<string | null>>("const char *bpf_map__pin_path(const struct bpf_map *map)"),
    bpf_map__set_pin_path: c<(map: Pointer, path: string | null) => number>("int bpf_map__set_pin_path(struct bpf_map *map, const char *path)"),
    bpf_map__reuse_fd: c<(map: Pointer, fd: number) => number>("int bpf_map__reuse_fd(struct bpf_map *map, int fd)"),
    bpf_map__set_initial_value: c<(map: Pointer, data: Uint8Array, size: number) => number>("int bpf_map__set_initial_value(struct bpf_map *map, const void *data, size_t size)"),

    bpf_btf_load: c<(data: Uint8Array, size: number, opts: Pointer) => number>("int bpf_btf_load(const void *btf_data, size_t btf_size, const struct bpf_btf_load_opts *opts)"),
    bpf_prog_load: c<(type: number, name: string, license: string, insns: Uint8Array, count: number, opts: Uint8Array) => number>("int bpf_prog_load(enum bpf_prog_type prog_type, const char *prog_name, const char *license, const struct bpf_insn *insns, size_t insn_cnt, const struct bpf_prog_load_opts *opts)"),
    bpf_map_create: c<(type: number, name: string, keySize: number, valueSize: number, maxEntries: number, opts: Memory) => number>("int bpf_map_create(enum bpf_map_type map_type, const char *map_name, __u32 key_size, __u32 value_size, __u32 max_entries, const struct bpf_map_create_opts *opts)"),
    bpf_obj_get_info_by_fd: c<(fd: number, info: Uint8Array, length: Uint8Array) => number>("int bpf_obj_get_info_by_fd(int bpf_fd, void *info, __u32 *info_len)"),
    bpf_prog_get_fd_by_id: c<(id: number) => number>("int bpf_prog_get_fd_by_id(__u32 id)"),
    bpf_map_get_fd_by_id: c<(id: number) => number>("int bpf_map_get_fd_by_id(__u32 id)"),
    bpf_btf_get_fd_by_id: c<(id: number) => number>("int bpf_btf_get_fd_by_id(__u32 id)"),
    bpf_link_get_fd_by_id: c<(id: number) => number>("int bpf_link_get_fd_by_id(__u32 id)"),
    bpf_link_get_next_id: c<(start: number, next: Uint8Array) => number>("int bpf_link_get_next_id(__u32 start_id, __u32 *next_id)"),
    bpf_map_lookup_elem: c<(fd: number, key: Uint8Array, value: Uint8Array) => number>("int bpf_map_lookup_elem(int fd, const void *key, void *value)"),
    bpf_map_update_elem: c<(fd: number, key: Uint8Array, value: Uint8Array, flags: number) => number>("int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)"),
    bpf_obj_pin: c<(fd: number, path: string) => number>("int bpf_obj_pin(int fd, const char *pathname)"),
    bpf_obj_get: c<(path: string) => number>("int bpf_obj_get(const char *pathname)"),
    bpf_link_create: c<(prog: number, target: number, type: number, opts: Uint8Array) => number>("int bpf_link_create(int prog_fd, int target_fd, enum bpf_attach_type attach_type, const struct bpf_link_create_opts *opts)"),
    bpf_link_update: c<(link: number, prog: number, opts: Uint8Array) => number>("int bpf_link_update(int link_fd, int new_prog_fd, const struct bpf_link_update_opts *opts)"),
    bpf_link_detach: c<(link: number) => number>("int bpf_link_detach(int link_fd)"),
    bpf_xdp_query: c<(ifindex: number, flags: number, opts: Uint8Array) => number>("int bpf_xdp_query(int ifindex, int flags, struct bpf_xdp_query_opts *opts)"),
    bpf_xdp_attach: c<(ifindex: number, prog: number, flags: number, opts: Memory) => number>("int bpf_xdp_attach(int ifindex, int prog_fd, __u32 flags, const struct bpf_xdp_attach_opts *opts)"),
    bpf_xdp_detach: c<(ifindex: number, flags: number, opts: Uint8Array) => number>("int bpf_xdp_detach(int ifindex, __u32 flags, const struct bpf_xdp_attach_opts *opts)"),
    bpf_prog_test_run_opts: c<(prog: number, opts: Uint8Array) => number>("int bpf_prog_test_run_opts(int prog_fd, struct bpf_test_run_opts *opts)"),
  };
}

export type Libbpf = ReturnType<typeof openLibrary>;

let loaded: Libbpf | undefined;

/** @throws XdpgenError `environment` where libbpf is missing */
export function libbpf(): Libbpf {
  if (loaded) return loaded;
  const library = openLibrary();
  capturePrints(library);
  return (loaded = library);
}

/** As large as the log that libbpf asks the kernel for, so that the end of a long one, its useful part, is not lost. */
const PRINT_BYTES = (1 << 24) + 4096;
const LIBBPF_DEBUG = 2;

let printed: string[] = [];
let printBuffer: Uint8Array | undefined;

function capturePrints(library: Libbpf): void {
  const type = koffi.proto("int print(int level, const void *format, void *args)");
  const print = (level: number, format: bigint, args: bigint): number => {
    if (level >= LIBBPF_DEBUG) return 0;
    // Pages that are never written cost nothing, hence allocUnsafe.
    printBuffer ??= Buffer.allocUnsafe(PRINT_BYTES);
    const length = vsnprintf(printBuffer, PRINT_BYTES, format, args);
    const kept = Math.max(0, Math.min(length, PRINT_BYTES - 1));
    printed.push(Buffer.from(printBuffer.buffer, printBuffer.byteOffset, kept).toString("utf8"));
    return length;
  };
  library.libbpf_set_print(koffi.register(print, koffi.pointer(type)));
}

/** Everything that libbpf printed since the last call of this function. */
export function takePrinted(): string {
  const text = printed.join("");
  printed = [];
  return text;
}
