/** One way to run several XDP programs on one packet, as the benchmark takes it. */
import { setGlobals } from "../../src/codegen/object/globals.ts";
import { type BpfObject, openKernel } from "../../src/loader/index.ts";
import type { Source } from "./sources.ts";
import type { Work } from "./work.ts";

export interface Contestant {
  readonly name: string;
  /** What it is, as a sentence of the report. */
  readonly what: string;
  /** It does no work, and passes every packet. */
  readonly idle?: true;
  /** Why it has no way to do this work; undefined where it has. */
  refusal(work: Work): string | undefined;
  /** Why this kernel does not take it. Without it, every kernel does. */
  refusedHere?(): string | undefined;
  /** The C files that it is made of. Nothing of the kernel in use may show in them. */
  sources(work: Work): readonly string[];
  /**
   * @param objects the files compiled, in their order
   * @throws Refused where this kernel does not take it after all
   */
  load(work: Work, objects: readonly Uint8Array[]): Loaded | Promise<Loaded>;
}

export interface Loaded extends Disposable {
  /** The fd that BPF_PROG_TEST_RUN is given, valid until disposed. */
  readonly program: number;
}

/** A contestant's own way of loading was refused; its message is the reason that the row gives. */
export class Refused extends Error {}

/** Several things that end together, the last one first. */
export class Owned implements Disposable {
  readonly #owned: Disposable[] = [];

  own<T extends Disposable>(resource: T): T {
    this.#owned.push(resource);
    return resource;
  }

  [Symbol.dispose](): void {
    for (const resource of this.#owned.splice(0).toReversed()) resource[Symbol.dispose]();
  }
}

/** Loads an object's one program as plain XDP. @param prepare before the kernel sees it */
export function loadPlain(
  owned: Owned,
  bytes: Uint8Array,
  globals: Source["globals"] = {},
  prepare: (object: BpfObject) => void = () => {},
): BpfObject {
  const object = owned.own(openKernel().openObject(setGlobals(bytes, globals), "bench"));
  for (const program of object.programs) program.makeXdp();
  prepare(object);
  object.load();
  return object;
}

/** Where a way to chain programs has no words for the work. */
export function onlyLines({ shape, counters }: Work): string | undefined {
  if (shape === "graph") return "it runs programs in a line only";
  return counters ? "it does not count" : undefined;
}
