/** The time that calls of the kernel take, told apart by what they are for: a clock at the loader's seam. */
import type { BpfObject, Kernel } from "../../src/loader/index.ts";

export const PARTS = ["read", "open", "load", "bind", "pin", "commit", "grace"] as const;
export type Part = (typeof PARTS)[number];

/** What is not here reads. */
const PART_OF: Readonly<Partial<Record<keyof Kernel, Part>>> = {
  openObject: "open",
  loadBtf: "load",
  loadProgram: "load",
  createMap: "load",
  update: "bind",
  linkExtension: "bind",
  pin: "pin",
  linkXdp: "commit",
  updateLink: "commit",
  waitForPackets: "grace",
};

export interface Clock {
  readonly kernel: Kernel;
  /** Milliseconds since the last reset. */
  parts(): Readonly<Record<Part, number>>;
  reset(): void;
}

export function timed(kernel: Kernel): Clock {
  const none = (): Record<Part, number> => Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<Part, number>;
  let spent = none();
  const during = <T>(part: Part, call: () => T): T => {
    const start = performance.now();
    const stop = (): void => void (spent[part] += performance.now() - start);
    let result: T;
    try {
      result = call();
    } catch (error) {
      stop();
      throw error;
    }
    if (result instanceof Promise) return result.finally(stop) as T;
    stop();
    return result;
  };
  const loading = (object: BpfObject): BpfObject => ({
    programs: object.programs,
    maps: object.maps,
    map: (name) => object.map(name),
    load: () => during("load", () => object.load()),
    [Symbol.dispose]: () => object[Symbol.dispose](),
  });
  return {
    kernel: new Proxy(kernel, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          const part = PART_OF[key as keyof Kernel] ?? "read";
          const result = during(part, () => (value as (...a: unknown[]) => unknown).apply(target, args));
          return key === "openObject" ? loading(result as BpfObject) : result;
        };
      },
    }),
    parts: () => spent,
    reset: () => void (spent = none()),
  };
}
