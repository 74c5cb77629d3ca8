/** The chains of these sections, for every linkage, and the programs in them: compiled, and for linkage `tail` loaded too. */
import { mkdirSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import type { Chain, Linkage, Program } from "../../src/chain/index.ts";
import { openKernel } from "../../src/loader/index.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { chainOf } from "../../test/support/chains.ts";
import { compiled, compiledFile } from "../contest/compiled.ts";
import { peer } from "../contest/sources.ts";

/** Of the programs of a chain (bench/bpf/passing.c): `lean` without maps, `mapped` with one each. */
export type Kind = "lean" | "mapped";

const source = (kind: Kind, version: number): string =>
  `#define VERSION ${version}\n${kind === "mapped" ? "#define COUNTS\n" : ""}${peer("passing")}`;

/** The object of that kind; another version is another object that does the same. */
export const objectOf = (kind: Kind, version = 0): Uint8Array => compiled(source(kind, version));
export const objectFile = (kind: Kind, version = 0): string => resolve(compiledFile(source(kind, version)));

/** A plain program that does as the chains do whose end is that action. */
export const endsWith = (action: "DROP" | "TX"): Uint8Array =>
  compiled(`#define VERSION 0\n#define ENDS XDP_${action}\n${peer("passing")}`);

/**
 * @param versions of each program's object, in order
 * @returns a chain with `rest`; its programs that linkage `tail` wants loaded are pinned until `unpinAll`
 */
export function passing(
  linkage: Linkage,
  versions: readonly number[],
  rest: Partial<Chain> = {},
  kind: Kind = "lean",
): Chain {
  const programs = versions.map((version, k): Program => {
    const common = { name: `p${k}`, priority: k };
    return linkage === "tail"
      ? { ...common, pinned: pinned(`${kind}-${version}-${k}`, objectOf(kind, version)) }
      : { ...common, object: objectFile(kind, version), bytes: objectOf(kind, version) };
  });
  return chainOf(programs, { name: "bench", linkage, ...rest });
}

export const same = (programs: number): readonly number[] => Array.from({ length: programs }, () => 0);

const PINS = "/sys/fs/bpf/xdpgen-bench";
const pins = new Map<string, string>();

/** The path of a loaded program of its own. */
export function pinned(name: string, bytes: Uint8Array): string {
  const earlier = pins.get(name);
  if (earlier !== undefined) return earlier;
  const kernel = openKernel();
  requireBpffs(kernel, () => {});
  mkdirSync(PINS, { recursive: true });
  using object = kernel.openObject(bytes, "bench");
  for (const program of object.programs) program.makeXdp();
  object.load();
  const path = `${PINS}/${process.pid}-${name}`;
  kernel.pin(object.programs[0]!.fd(), path);
  pins.set(name, path);
  return path;
}

export function unpinAll(): void {
  for (const path of pins.values()) rmSync(path, { force: true });
  pins.clear();
}
