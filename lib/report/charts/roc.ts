/**
 * ROC curves → a Vega-Lite (v5) spec.
 *
 * @module
 */
import { type ChartOptions, type ChartSpec, defaultWidth } from "../style.ts";
import { rocCurve } from "../../metrics/curves.ts";
import type { Prediction } from "../report.ts";
import { curveChart } from "./curves.ts";

/**
 * ROC curves of the unperturbed tests, one per set (and run), with AUC in the legend.
 *
 * @example
 * ```ts
 * import { type Prediction, renderChart, rocChart } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const image = { set: "faces", split: "test", perturbation: "none", method: "", run: 0 };
 * const predictions = [0.1, 0.6, 0.4, 0.9].map((score, i): Prediction => (
 *   { ...image, video: `${i}`, path: `${i}.png`, label: i < 2 ? 0 : 1, score }
 * ));
 * const { text } = await renderChart(rocChart(predictions, { demo: false }));
 * assertStringIncludes(text, "0.750");
 * ```
 */
export function rocChart(
  predictions: readonly Prediction[],
  { demo, width = defaultWidth }: ChartOptions,
): ChartSpec {
  return curveChart(predictions, {
    demo,
    width,
    title: "ROC curves",
    subtitle: "Grey: chance",
    x: "false positive rate (reals called fake)",
    y: "true positive rate (fakes called fake)",
    metric: "auc",
    curve: (labels, scores) => {
      const { fpr, tpr } = rocCurve(labels, scores, { dropIntermediate: true });
      return { x: fpr, y: tpr };
    },
    baselines: () => [{ x: 0, y: 0 }, { x: 1, y: 1 }],
  });
}
