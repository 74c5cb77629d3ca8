/** A kernel, real or fake, whose calls can be counted, watched and made to fail. */
import type { BpfObject, Kernel, ObjectMap, ObjectProgram } from "../../src/loader/machine/kernel.ts";

/** Calls that cannot fail or whose failure is an answer; and the clean-up calls, which come after the swap is done. */
const PASSIVE: ReadonlySet<string> = new Set(["interfaceIndex", "fd", "map"]);

/**
 * @param before runs before each call with its number, from 1, and its name; what it throws, the call throws
 */
export function watched(kernel: Kernel, before: (count: number, call: string) => void): Kernel {
  let count = 0;
  const watch = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, key) {
        const value: unknown = Reflect.get(object, key, object);
        if (typeof value !== "function" || typeof key === "symbol" || PASSIVE.has(key)) return value;
        return (...args: unknown[]): unknown => {
          before(++count, key);
          const result = (value as (...a: unknown[]) => unknown).apply(object, args);
          return key === "openObject" ? watchObject(result as BpfObject) : result;
        };
      },
    });
  const watchObject = (object: BpfObject): BpfObject => {
    const handles = new Map<ObjectMap, ObjectMap>(object.maps.map((m) => [m, watch(m)]));
    const programs = object.programs.map((p): ObjectProgram => watch(p));
    return {
      programs,
      maps: [...handles.values()],
      map: (name) => {
        const found = object.map(name);
        return found && handles.get(found);
      },
      load: (options) => {
        before(++count, "load");
        object.load(options);
      },
      [Symbol.dispose]: () => object[Symbol.dispose](),
    };
  };
  return watch(kernel);
}
