/**
 * C prototypes, verbatim from the headers, made into functions. koffi knows neither `struct`, `enum` nor the kernel's integer
 * types; all structs behind pointers are opaque to us, so a pointer to one is a `void *`.
 */
import koffi, { type KoffiFunc, type LibraryHandle } from "koffi";

/** An address in this process, or NULL. */
export type Pointer = bigint | null;
/** What a `void *` parameter takes. */
export type Memory = Uint8Array | Pointer;

/** @param prototype such as `int bpf_obj_get(const char *pathname)` */
export function declare<F extends (...args: never[]) => unknown>(
  library: LibraryHandle,
  prototype: string,
): KoffiFunc<F> {
  const plain = prototype
    .replace(/\bstruct \w+ \*/g, "void *")
    .replace(/\benum \w+/g, "int")
    .replace(/\b__u(8|16|32|64)\b/g, "uint$1_t")
    .replace(/\blibbpf_print_fn_t\b/g, "void *");
  return library.func(plain) as unknown as KoffiFunc<F>;
}

const held = new Set<object>();

/**
 * Runs a call that finds `memory` by an address inside a struct. The collector does not see such a pointer: until the call
 * returns, `memory` is reachable from here.
 */
export function holding<T>(memory: readonly (Uint8Array | Uint32Array | undefined)[], call: () => T): T {
  held.add(memory);
  try {
    return call();
  } finally {
    held.delete(memory);
  }
}

/** The address of `memory`, for a pointer inside a struct. See `holding`. */
export function addressOf(memory: Uint8Array): bigint {
  return koffi.address(memory);
}
