/**
 * Rates by group of persons → a Vega-Lite (v5) spec for each test and column of groups.
 *
 * @module
 */
import { rateNames } from "../../metrics/fairness.ts";
import { type EvaluationResult, type GroupColumnResult, testName } from "../report.ts";
import {
  type ChartOptions,
  type ChartSpec,
  defaultWidth,
  frame,
  labelSpace,
  setRows,
  shortNames,
} from "../style.ts";
import { rateTitles } from "../tables/fairness.ts";
import { type MetricPoint, pointLayers } from "./metric_points.ts";

/** More groups than this are left to the table. */
const MOST_SHOWN = 20;

/**
 * AUC, false and true positive rate of each group with their intervals, lowest AUC first: a chart for each column of groups of each
 * test; none where no test has groups.
 *
 * @example
 * ```ts
 * import { evaluateScores, measureFairness } from "@forgelens/bench/metrics";
 * import { fairnessCharts, renderChart } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "unknown", demo: false } as const;
 * const [labels, scores] = [[0, 1, 0, 1], [0.1, 0.9, 0.7, 0.6]];
 * const groups = [{ column: "age", ...measureFairness({ labels, scores, groups: ["old", "old", "young", "young"] }) }];
 * const [chart] = fairnessCharts([{ ...test, metrics: evaluateScores(labels, scores), groups }], { demo: false });
 * assertStringIncludes((await renderChart(chart)).text, "young: AUC 0.000, FPR 1.000, TPR 1.000");
 * ```
 */
export function fairnessCharts(
  results: readonly EvaluationResult[],
  { demo, width = defaultWidth }: ChartOptions,
): ChartSpec[] {
  return results.flatMap((result) =>
    (result.groups ?? []).map((column) => columnChart(column, { test: testName(result), demo, width }))
  );
}

function columnChart(
  { column, groups }: GroupColumnResult,
  { test, demo, width }: Required<ChartOptions> & { readonly test: string },
): ChartSpec {
  const shown = groups.slice(0, MOST_SHOWN);
  const nameOf = shortNames(shown.map(({ name }) => name), 0.35 * width);
  const values = shown.flatMap((group) =>
    rateNames.flatMap((rate): MetricPoint[] => {
      const value = group[rate];
      if (value === null) return [];
      return [{
        ...{ set: nameOf(group.name), metric: rateTitles[rate], kind: "ours", value },
        ...group.intervals[rate],
      }];
    })
  );
  const names = rateNames.map((rate) => rateTitles[rate]);
  const left = groups.length - shown.length;
  const subtitle = [
    ...(shown.some(({ intervals }) => Object.values(intervals).some((each) => each !== null))
      ? ["Bars: 95 % bootstrap intervals"]
      : []),
    "FPR: reals called fake, lower is better",
    ...(left > 0 ? [`${left} groups of higher AUC, or none, are left out`] : []),
  ];
  return {
    ...frame(
      `By ${column}, ${test}`,
      { demo, subtitle },
      shown.map(({ name, ...group }) =>
        `${name}: ${
          rateNames.map((rate) => `${rateTitles[rate]} ${group[rate]?.toFixed(3) ?? "–"}`).join(", ")
        }`
      ).join("; ") + ".",
    ),
    width: width - 30 - labelSpace(shown.map(({ name }) => nameOf(name))),
    height: { step: 15 },
    data: { values },
    encoding: {
      y: setRows(),
      yOffset: { field: "metric", type: "nominal", sort: names },
      x: {
        field: "value",
        type: "quantitative",
        title: "rate",
        scale: { domain: [0, 1] },
        axis: { tickCount: 6 },
      },
    },
    layer: pointLayers("x", names, width),
  };
}
