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
