/**
 * Many things at a time, but not too many.
 *
 * @module
 */

/**
 * Does `work` for each item, at most `workers` at a time, begun in order, and resolves to the results in order. After a
 * failure nothing more is begun, and what runs is waited for.
 *
 * @param options.workers as many as there are cores unless given; at least 1
 * @param options.signal stops it between items
 * @throws what the first item to fail threw, or the signal's reason.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
  options: { readonly workers?: number; readonly signal?: AbortSignal } = {},
): Promise<R[]> {
  const { workers = navigator.hardwareConcurrency, signal } = options;
  const results: R[] = new Array(items.length);
  let next = 0;
  let failed = false;
  const worker = async () => {
    try {
      while (next < items.length && !failed) {
        signal?.throwIfAborted();
        const i = next++;
        results[i] = await work(items[i], i);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const count = Math.min(Math.max(1, workers), items.length);
  const ended = await Promise.allSettled(Array.from({ length: count }, worker));
  for (const each of ended) if (each.status === "rejected") throw each.reason;
  return results;
}

/** An amount of something, such as memory, that tasks share. */
export type Budget = {
  /** Waits until `amount` is free, those who asked first first, and takes it; what is disposed is given back. */
  take(amount: number): Promise<Disposable>;
};

/** A budget of `most`. Who wants more than that waits until all is free, and has it alone. */
export function createBudget(most: number): Budget {
  let free = most;
  const waiting: { readonly amount: number; readonly resolve: () => void }[] = [];
  const serve = () => {
    while (waiting.length > 0 && waiting[0].amount <= free) {
      const { amount, resolve } = waiting.shift()!;
      free -= amount;
      resolve();
    }
  };
  return {
    take: async (wanted) => {
      const amount = Math.min(wanted, most);
      await new Promise<void>((resolve) => {
        waiting.push({ amount, resolve });
        serve();
      });
      let held = amount;
      return {
        [Symbol.dispose]() {
          free += held;
          held = 0;
          serve();
        },
      };
    },
  };
}
