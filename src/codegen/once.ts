/**
 * `f`, asked once for each object: the same object gets the same answer again. For objects that nobody changes. The 255
 * stubs of a dispatcher have one list of instructions between them, which is laid out and encoded once.
 */
export function once<K extends object, V>(f: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) known.set(key, (value = f(key)));
    return value;
  };
}

/** The same for what is part of an object: `f`, asked once for each part of each. */
export function onceEach<O extends object, P extends object, V>(
  f: (object: O, part: P) => V,
): (object: O, part: P) => V {
  const ofObject = once((object: O) => once((part: P) => f(object, part)));
  return (object, part) => ofObject(object)(part);
}
