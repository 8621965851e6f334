/**
 * What a run says while it works: the command line and the notebooks draw these.
 *
 * @module
 */
import type { TaskEvent, TaskOptions } from "../base/task.ts";
import type { SkippedFile } from "../data/sample.ts";
import type { DataSummary, EpochRecord, EvaluationResult } from "../report/report.ts";

/** One thing that happened in a run. */
export type RunEvent =
  /** A line worth showing, or a long task before or after training that moved on. */
  | TaskEvent
  /** What is trained and tested on. */
  | {
    readonly type: "data";
    readonly demo: boolean;
    readonly data: readonly DataSummary[];
    readonly skipped: readonly SkippedFile[];
  }
  /** One optimizer step; `seedIndex` counts from 0, `epoch` and `step` (within the epoch) from 1. */
  | {
    readonly type: "step";
    readonly seedIndex: number;
    readonly seeds: number;
    readonly epoch: number;
    readonly epochs: number;
    readonly step: number;
    readonly steps: number;
    readonly loss: number;
    /** Mean loss of the epoch so far. */
    readonly meanLoss: number;
    readonly images: number;
  }
  | { readonly type: "epoch"; readonly record: EpochRecord }
  | { readonly type: "result"; readonly result: EvaluationResult }
  /** Training of the run of this name ended, and its weights are in `folder`. */
  | { readonly type: "trained"; readonly run: string; readonly folder: string }
  /** The results are in `folder`. */
  | { readonly type: "written"; readonly folder: string }
  /** The run of this name was stopped by a signal. */
  | { readonly type: "interrupted"; readonly run: string };

/** What a run's work is given beside its input. */
export type RunTask = Omit<TaskOptions, "report"> & {
  /** Hears what the run says. */
  readonly report?: (event: RunEvent) => void;
};

/**
 * Runs `work` and yields what it reports meanwhile; returns its result. Events that nobody takes yet wait, in order.
 *
 * @param options.abandon takes the result where nobody waits for it any more, as after `break` in a `for await`
 * @throws {Error} what `work` throws, after its last event.
 */
export async function* reporting<T>(
  work: (report: (event: RunEvent) => void) => Promise<T>,
  { abandon }: { readonly abandon?: (result: T) => void } = {},
): AsyncGenerator<RunEvent, T> {
  const waiting: RunEvent[] = [];
  let wake = () => {};
  const result = work((event) => {
    waiting.push(event);
    wake();
  });
  const settled = result.then(() => true, () => true);
  let isAbandoned = true;
  try {
    for (let finished = false; !finished || waiting.length > 0;) {
      yield* waiting.splice(0);
      if (!finished) {
        finished = await Promise.race([
          settled,
          new Promise<boolean>((resolve) => wake = () => resolve(false)),
        ]);
      }
    }
    isAbandoned = false;
  } finally {
    if (isAbandoned) result.then(abandon, () => {}); // nobody is left to hear what it throws
  }
  return await result;
}
