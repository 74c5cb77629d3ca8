/** Chains of n programs that pass, for every linkage; what they name is compiled and loaded here. */
import { mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Chain, Linkage, Program } from "../../src/chain/index.ts";
import { openKernel } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/bpffs.ts";
import { chainOf } from "../../test/support/chains.ts";
import { compile } from "../../test/support/objects.ts";
import { COMPILED } from "../section.ts";

/** `lean` reads the packet and has no map; `mapped` counts packets in a map of its own. */
export type Kind = "lean" | "mapped";

const SOURCES: Readonly<Record<Kind, string>> = {
  lean: `#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int bench_lean(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return data + 14 > end ? XDP_DROP : XDP_PASS;
}
char _license[] __attribute__((section("license"), used)) = "GPL";
`,
  mapped: `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps");
SEC("xdp") int bench_mapped(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&packets, &zero);

	if (count)
		*count += 1;
	return XDP_PASS;
}
char _license[] SEC("license") = "GPL";
`,
};

const FOLDER = `${COMPILED}/chains`;
const compiled = new Map<string, Uint8Array>();

/** The object of that kind; another `version` is another object that does the same. */
export function objectOf(kind: Kind, version = 0): Uint8Array {
  const key = `${kind}-${version}`;
  const known = compiled.get(key);
  if (known) return known;
  const bytes = compile(
    SOURCES[kind].replaceAll(`bench_${kind}`, version === 0 ? `bench_${kind}` : `bench_${kind}_${version}`),
  );
  compiled.set(key, bytes);
  return bytes;
}

/** As `objectOf`, in a file. */
export function objectFile(kind: Kind, version = 0): string {
  mkdirSync(FOLDER, { recursive: true });
  const path = resolve(`${FOLDER}/${kind}-${version}.bpf.o`);
  writeFileSync(path, objectOf(kind, version));
  return path;
}

/** Where bpffs is mounted; pins of loaded programs are below it. */
const PINS = "/sys/fs/bpf/xdpgen-bench";

/** A loaded program of that kind, pinned: what linkage `tail` takes. It stays until the machine's bpffs is emptied. */
export function loadedProgram(kind: Kind, version: number): string {
  const kernel = openKernel();
  requireBpffs(kernel, () => {});
  mkdirSync(PINS, { recursive: true });
  const path = `${PINS}/${kind}-${version}-${process.pid}`;
  using object = kernel.openObject(objectOf(kind), "bench");
  for (const program of object.programs) program.makeXdp();
  object.load();
  kernel.pin(object.programs[0]!.fd(), path);
  return path;
}

export const PIN_FOLDER = PINS;

/** @param versions of each program's object, in order */
export function passing(
  linkage: Linkage,
  versions: readonly number[],
  kind: Kind = "lean",
  rest: Partial<Chain> = {},
): Chain {
  const programs = versions.map((version, k): Program => {
    const common = { name: `p${k}`, priority: k };
    if (linkage === "tail") return { ...common, pinned: pinOf(kind, k, version) };
    return { ...common, object: objectFile(kind, version), bytes: objectOf(kind, version) };
  });
  return chainOf(programs, { name: "bench", linkage, ...rest });
}

const pins = new Map<string, string>();

/** Each program of a chain has a loaded program of its own. */
function pinOf(kind: Kind, k: number, version: number): string {
  const key = `${kind} ${k} ${version}`;
  const known = pins.get(key) ?? loadedProgram(kind, version * 1000 + k);
  pins.set(key, known);
  return known;
}
