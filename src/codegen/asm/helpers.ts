/** The kernel's helper functions by number and by name, `bpf_` in front as people and the kernel's own listings call them. */
import * as constants from "./constants.ts";

const NUMBERS: ReadonlyMap<string, number> = new Map(
  Object.entries(constants)
    .filter(([name]) => name.startsWith("BPF_FUNC_"))
    .map(([name, number]) => [`bpf_${name.slice("BPF_FUNC_".length)}`, number]),
);
const NAMES: ReadonlyMap<number, string> = new Map([...NUMBERS].map(([name, number]) => [number, name]));

/** `bpf_map_lookup_elem` for 1; undefined where the kernel has no such helper. */
export const helperName = (number: number): string | undefined => NAMES.get(number);

/** 1 for `bpf_map_lookup_elem`. */
export const helperNumber = (name: string): number | undefined => NUMBERS.get(name);

/** Every helper's name. */
export const helperNames = (): Iterable<string> => NUMBERS.keys();
