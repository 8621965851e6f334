/**
 * Metrics by JPEG quality → a Vega-Lite (v5) spec.
 *
 * @module
 */
import {
  bySet,
  type ChartOptions,
  type ChartSpec,
  defaultWidth,
  frame,
  scaleOver,
  shortNames,
} from "../style.ts";
import type { EvaluationResult } from "../report.ts";
import { testName } from "../tables.ts";
import {
  chartedMetrics,
  describe,
  lineLayers,
  metricPoints,
  pointLayers,
  pointNotes,
} from "./metric_points.ts";

/** The same metrics by JPEG quality, from uncompressed down, for each set that was tested under JPEG. */
export function jpegChart(
  results: readonly EvaluationResult[],
  { demo, width = defaultWidth }: ChartOptions,
): ChartSpec {
  const test = (result: EvaluationResult) => testName({ ...result, perturbation: "none" });
  const quality = (result: EvaluationResult) => Number(/^jpeg-(\d+)$/.exec(result.perturbation)?.[1] ?? NaN);
  const tested = new Set(results.filter((result) => quality(result) >= 0).map(test));
  const shown = results.filter((result) =>
    tested.has(test(result)) && (result.perturbation === "none" || quality(result) >= 0)
  );
  const level = (result: EvaluationResult) =>
    result.perturbation === "none" ? "none" : String(quality(result));
  const levels = [...new Set(shown.map(level))].sort((a, b) =>
    (b === "none" ? Infinity : Number(b)) - (a === "none" ? Infinity : Number(a))
  );
  const names = chartedMetrics(shown).map(({ title }) => title);
  const perRow = tested.size > 1 && width >= 600 ? 2 : 1;
  const short = shortNames([...tested], width / perRow - 90);
  const values = shown.flatMap((result) =>
    metricPoints(result, short(test(result))).map((point) => ({ ...point, quality: level(result) }))
  );

  if (shown.length === 0) {
    throw new Error("Cannot draw the metrics by JPEG quality: expected a test under jpeg-… but found none");
  }
  return {
    ...frame("Metrics by JPEG quality", { demo, subtitle: pointNotes(shown) }, describe(shown)),
    data: { values },
    columns: perRow,
    facet: bySet(values),
    resolve: { axis: { x: "independent", y: "independent" } },
    spec: {
      width: Math.floor((width - 20) / perRow) - 75,
      height: 240,
      encoding: {
        x: {
          field: "quality",
          type: "ordinal",
          sort: levels,
          title: "JPEG quality (none: not compressed again)",
          axis: { labelAngle: 0, grid: false },
        },
        xOffset: { field: "metric", type: "nominal", sort: names },
        y: {
          field: "value",
          type: "quantitative",
          title: "value",
          // A little room below, so that no line hides in the axis.
          scale: scaleOver(values.flatMap((each) => [each.value, each.value - 0.02, each.low, each.high])),
        },
      },
      layer: [...lineLayers(names), ...pointLayers("y", names, width)],
    },
  };
}
