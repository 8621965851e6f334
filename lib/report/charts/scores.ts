/**
 * Scores by class → a Vega-Lite (v5) spec.
 *
 * @module
 */
import {
  bySet,
  type ChartOptions,
  type ChartSpec,
  classScale,
  defaultWidth,
  frame,
  shortNames,
} from "../style.ts";
import { meanAndSd, type Prediction } from "../report.ts";
import { groupTests } from "./curves.ts";

/**
 * How the scores of real and of fake images spread, in 20 bins, for each unperturbed test.
 *
 * @example
 * ```ts
 * import { type Prediction, renderChart, scoreChart } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const image = { set: "faces", split: "test", perturbation: "none", method: "", run: 0 };
 * const predictions = [0.1, 0.6, 0.4, 0.9].map((score, i): Prediction => (
 *   { ...image, video: `${i}`, path: `${i}.png`, label: i < 2 ? 0 : 1, score }
 * ));
 * const { text } = await renderChart(scoreChart(predictions, { demo: false }));
 * assertStringIncludes(text, "faces test: mean score of reals 0.350, of fakes 0.650.");
 * ```
 */
export function scoreChart(
  predictions: readonly Prediction[],
  { demo, width = defaultWidth, threshold = 0.5 }: ChartOptions & { threshold?: number },
): ChartSpec {
  const bins = 20;
  const tests = groupTests(predictions);
  const perRow = Math.max(1, Math.min(tests.length, Math.floor(width / 280)));
  const short = shortNames(tests.map(({ name }) => name), width / perRow - 90);
  const values = tests.flatMap(({ name, all }) =>
    ([0, 1] as const).flatMap((label) => {
      const scores = all.filter((each) => each.label === label).map((each) => each.score);
      const counts = new Array<number>(bins).fill(0);
      for (const score of scores) counts[Math.min(Math.floor(score * bins), bins - 1)]++;
      return counts.map((images, bin) => ({
        set: short(name),
        label: classScale.domain[label],
        from: bin / bins,
        to: (bin + 1) / bins,
        share: scores.length === 0 ? 0 : images / scores.length,
      }));
    })
  );

  if (tests.length === 0) {
    throw new Error("Cannot draw the scores: expected predictions without perturbation but found none");
  }
  const runs = new Set(tests.flatMap(({ all }) => all.map(({ run }) => run))).size;
  const together = runs > 1 ? `All ${runs} runs together. ` : "";
  return {
    ...frame(
      "Scores by class",
      { demo, subtitle: `${together}Dashed: the threshold, ${threshold}` },
      tests.map(({ name, all }) => {
        const mean = (label: number) =>
          meanAndSd(all.filter((each) => each.label === label).map((each) => each.score))?.mean.toFixed(3) ??
            "–";
        return `${name}: mean score of reals ${mean(0)}, of fakes ${mean(1)}.`;
      }).join(" "),
    ),
    data: { values },
    columns: perRow,
    facet: bySet(values),
    resolve: { axis: { x: "independent", y: "independent" } },
    spec: {
      width: Math.floor((width - 30) / perRow) - 75,
      height: 150,
      layer: [
        {
          mark: { type: "bar", opacity: 0.6, binSpacing: 0 },
          encoding: {
            x: {
              field: "from",
              bin: { binned: true, step: 1 / bins },
              type: "quantitative",
              title: "score (probability of fake)",
              axis: { values: [0, 0.2, 0.4, 0.6, 0.8, 1], grid: false, format: ".1f" },
              scale: { domain: [0, 1] },
            },
            x2: { field: "to" },
            y: {
              field: "share",
              type: "quantitative",
              stack: null,
              title: "share of the class",
              axis: { format: "%", tickCount: 4 },
            },
            color: { field: "label", type: "nominal", title: null, scale: classScale },
          },
        },
        {
          mark: { type: "rule", strokeDash: [4, 3], color: "black" },
          encoding: { x: { datum: threshold, type: "quantitative" } },
        },
      ],
    },
  };
}
