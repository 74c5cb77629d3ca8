/** Work that may fail without ending what it is a part of: who asks tells it. */
export function failureOf(work: () => void): Error | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
