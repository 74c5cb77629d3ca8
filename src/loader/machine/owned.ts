/** Resources that are let go together, the last one first. */
export interface Owned extends Disposable {
  /** Takes a resource over, and gives it back for use. */
  own<T extends Disposable>(resource: T): T;
}

export function owned(): Owned {
  const resources: Disposable[] = [];
  return {
    own(resource) {
      resources.push(resource);
      return resource;
    },
    [Symbol.dispose]: () => {
      for (const resource of resources.splice(0).toReversed()) resource[Symbol.dispose]();
    },
  };
}
