/**
 * Precision-recall curves → a Vega-Lite (v5) spec.
 *
 * @module
 */
import { type ChartOptions, type ChartSpec, defaultWidth } from "../style.ts";
import { prCurve } from "../../metrics/curves.ts";
import type { Prediction } from "../report.ts";
import { curveChart } from "./curves.ts";

/**
 * Precision-recall curves of the unperturbed tests, one per set (and run), with AP in the legend.
 *
 * @example
 * ```ts
 * import { prChart, type Prediction, renderChart } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const image = { set: "faces", split: "test", perturbation: "none", method: "", run: 0 };
 * const predictions = [0.1, 0.6, 0.4, 0.9].map((score, i): Prediction => (
 *   { ...image, video: `${i}`, path: `${i}.png`, label: i < 2 ? 0 : 1, score }
 * ));
 * const { text } = await renderChart(prChart(predictions, { demo: false }));
 * assertStringIncludes(text, "0.833");
 * ```
 */
export function prChart(
  predictions: readonly Prediction[],
  { demo, width = defaultWidth }: ChartOptions,
): ChartSpec {
  return curveChart(predictions, {
    demo,
    width,
    title: "Precision-recall curves",
    subtitle: "Grey: chance, which is each set's share of fakes",
    x: "recall (fakes found)",
    y: "precision (share of fakes among those called fake)",
    metric: "ap",
    curve: (labels, scores) => {
      const { precision, recall } = prCurve(labels, scores);
      return { x: recall, y: precision };
    },
    baselines: (share) => [{ x: 0, y: share }, { x: 1, y: share }],
  });
}
