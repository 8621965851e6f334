/**
 * Metrics by data set → a Vega-Lite (v5) spec.
 *
 * @module
 */
import {
  type ChartOptions,
  type ChartSpec,
  defaultWidth,
  frame,
  inLines,
  isNarrow,
  labelSpace,
  setRows,
  shortNames,
} from "../style.ts";
import { type EvaluationResult, testName } from "../report.ts";
import { levelled } from "./levels.ts";
import { chartedMetrics, describe, metricPoints, pointLayers, pointNotes } from "./metric_points.ts";

/**
 * AUC, AP, balanced accuracy and accuracy of the unperturbed tests, within and across data sets, by videos and by frames, with the
 * majority-class line beside accuracy, spread over runs (or 95 % intervals), and the reference's figures where allowed.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { metricsChart, renderChart } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * const { text } = await renderChart(metricsChart([{ ...test, metrics }], { demo: false }));
 * assertStringIncludes(text, "faces test: AUC 0.750");
 * ```
 */
export function metricsChart(
  results: readonly EvaluationResult[],
  { demo, width = defaultWidth }: ChartOptions,
): ChartSpec {
  const shown = levelled(results.filter((result) => result.perturbation === "none"));
  const narrow = isNarrow(width);
  const short = shortNames(shown.map(narrow ? ({ set }) => set : fullName), 0.4 * width);
  const name = (result: EvaluationResult) =>
    narrow ? `${short(result.set)}\n${aspects(result)}`.trim() : short(fullName(result));
  const values = shown.flatMap((result) => metricPoints(result, name(result)));
  const rows = setRows();
  const names = chartedMetrics(shown).map(({ title }) => title);
  if (shown.length === 0) {
    throw new Error("Cannot draw the metrics by data set: expected an unperturbed test but found none");
  }
  return {
    ...frame("Metrics by data set", { demo, subtitle: pointNotes(shown) }, describe(shown)),
    width: width - 30 - labelSpace(shown.map(name)),
    height: { step: 15 },
    data: { values },
    encoding: {
      y: narrow ? { ...rows, axis: { ...rows.axis, ...inLines } } : rows,
      yOffset: { field: "metric", type: "nominal", sort: names },
      x: {
        field: "value",
        type: "quantitative",
        title: "value (higher is better)",
        scale: { domain: [0, 1] },
        axis: { tickCount: narrow ? 3 : 6 },
      },
    },
    layer: [{
      transform: [{ filter: "datum.kind === 'majority'" }],
      mark: { type: "tick", color: "black", thickness: 2, size: 13 },
    }, ...pointLayers("x", names, width)],
  };
}

function fullName(result: EvaluationResult): string {
  return result.kind === "unknown"
    ? testName(result)
    : `${testName(result)} (${result.kind === "cross" ? "across" : "within"})`;
}

/** What tells the tests of one set apart: "test videos, across". */
function aspects({ split, kind }: EvaluationResult): string {
  const known = kind === "unknown" ? [] : [kind === "cross" ? "across" : "within"];
  return [split, ...known].filter((text) => text !== "").join(", ");
}
