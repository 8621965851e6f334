/**
 * Items → what is read of them, while what came before is worked on.
 *
 * @module
 */

/** How far, and for how long. */
export type ReadAheadOptions = {
  /** Items at work or waiting at a time. */
  readonly most: number;
  /** Milliseconds that the next item may take once all before it are given, before that is told; it is not unless given. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
};

/**
 * What `load` makes of items, in their order; once undefined wherever the next item takes longer than the patience, so that nobody
 * holds back what was given for the sake of one that may never come.
 *
 * @throws what `items` and `load` throw, and the signal's reason, even while an item is waited for
 */
export async function* readAhead<T, R>(
  items: AsyncIterable<T>,
  load: (item: T) => Promise<R>,
  { most, patience, signal }: ReadAheadOptions,
): AsyncGenerator<R | undefined> {
  signal?.throwIfAborted();
  const waiting: Promise<R>[] = [];
  let changed = Promise.withResolvers<void>();
  const wake = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  let [ended, stopped] = [false, false];
  const fill = async () => {
    for await (const item of items) {
      while (waiting.length >= most && !stopped) await changed.promise;
      if (stopped) return;
      const loading = load(item);
      loading.catch(() => {}); // seen when it is awaited
      waiting.push(loading);
      wake();
    }
  };
  const filling = fill().finally(() => {
    ended = true;
    wake();
  });
  filling.catch(() => {}); // seen when all before it are given
  signal?.addEventListener("abort", wake);
  try {
    for (let told = true;;) { // before the first item there is nothing to hold back
      signal?.throwIfAborted();
      if (waiting.length > 0) {
        const read = await waiting[0];
        waiting.shift();
        wake();
        told = false;
        yield read;
      } else if (ended) return await filling;
      else if (told || patience === undefined) await changed.promise;
      else {
        await withinTime(changed.promise, patience);
        if (waiting.length > 0 || ended) continue;
        told = true;
        yield undefined;
      }
    }
  } finally {
    stopped = true;
    signal?.removeEventListener("abort", wake);
    wake();
  }
}

/** Waits for `work`, but not longer than so many milliseconds. */
async function withinTime(work: Promise<void>, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([work, new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds))]);
  clearTimeout(timer);
}
