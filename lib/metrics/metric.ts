/**
 * What a metric is. Those that there are stand in `metrics/mod.ts`, under the names that metrics.json gives them.
 *
 * @module
 */
import type { Confusion, Ranked } from "./ranking.ts";

/** One number for a set of predictions, and where reports show it. */
export type Metric = {
  /** As it stands within a sentence or a legend: "AUC", "balanced accuracy". */
  readonly title: string;
  /** The head of its column; the title with a capital unless given. */
  readonly column?: string;
  /** Which of two values is the better one. */
  readonly better: "higher" | "lower";
  /** The table that shows it: the results, the further metrics, or the fakes found with few false alarms. */
  readonly table: "results" | "further" | "fewFalseAlarms";
  /** A sentence below that table. */
  readonly note?: string;
  /** What is to be said of its value in a test of so many predictions of each class, if anything: the value is marked. */
  readonly remark?: (counts: { readonly real: number; readonly fake: number }) => string | undefined;
  /** Whether its value is only scikit-learn's convention, 0 for a share of nothing: reports show a dash for it. */
  readonly isConvention?: (confusion: Confusion) => boolean;
  /** Whether it gets a bootstrap interval, for which it is measured a thousand times. */
  readonly interval: boolean;
  /** Whether the charts of metrics show it: only for one in [0, 1] that is better when it is higher. */
  readonly chart: boolean;
  /**
   * Its value; null where it is undefined, with one class only for instance.
   *
   * @param ranked the predictions, each of which counts as often as `counts` says
   * @param options.threshold scores of at least this count as fake
   */
  readonly measure: (ranked: Ranked, options: { readonly threshold: number }) => number | null;
};
