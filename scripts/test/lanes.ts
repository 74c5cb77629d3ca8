/** Work that may happen beside other work. */
export type Task<T> = () => Promise<T>;

/**
 * Does all tasks, at most `lanes` at the same time, and begins them in their order. The results have that order too.
 *
 * @throws what the first task that failed threw, once all that had begun have ended
 */
export async function inLanes<T>(lanes: number, tasks: readonly Task<T>[]): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (next < tasks.length && failure === undefined) {
      const mine = next++;
      try {
        results[mine] = await tasks[mine]!();
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, tasks.length) }, lane));
  if (failure !== undefined) throw failure.error;
  return results;
}
