/**
 * Batches for the demo tower, drawn by a thread of their own while the tower trains.
 *
 * @module
 */
import type { Samples } from "./samples.ts";

/** Batches in their order; `close()` ends the thread. */
export type Batches = { next(): Promise<Samples>; close(): void };

/** Batches that are drawn ahead of the one that is asked for. */
const AHEAD = 2;

/** Starts the thread, which draws from the batch `from` on. */
export function openBatches(
  faces: readonly string[],
  { seed, from, count }: { readonly seed: number; readonly from: number; readonly count: number },
): Batches {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const asked: PromiseWithResolvers<Samples>[] = []; // the thread answers in their order
  const ready: Promise<Samples>[] = [];
  let step = from;
  worker.onmessage = ({ data }: MessageEvent<Samples>) => asked.shift()!.resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    for (const { reject } of asked) reject(new Error(`Cannot draw a batch: ${event.message}`));
  };
  const ask = () => {
    worker.postMessage({ faces: step === from ? faces : undefined, seed, step: step++, count });
    const answer = Promise.withResolvers<Samples>();
    asked.push(answer);
    ready.push(answer.promise);
  };
  for (let i = 0; i < AHEAD; i++) ask();
  return {
    next: () => {
      ask();
      return ready.shift()!;
    },
    close: () => worker.terminate(),
  };
}
