/**
 * Metrics by data set and by JPEG quality → Vega-Lite (v5) specs.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import {
  bySet,
  type ChartOptions,
  colours,
  defaultWidth,
  frame,
  labelSpace,
  scaleOver,
  setRows,
  shapes,
  shortNames,
} from "../style.ts";
import { referenceFor } from "../reference.ts";
import { estimate, type EvaluationResult, type MetricName } from "../report.ts";
import { testName } from "../tables.ts";

const rankedMetrics = [
  ["auc", "AUC"],
  ["ap", "AP"],
  ["balancedAccuracy", "balanced accuracy"],
  ["accuracy", "accuracy"],
] as const;

/**
 * AUC, AP, balanced accuracy and accuracy of the unperturbed tests, within and across data sets, with the
 * majority-class line beside accuracy, spread over runs (or 95 % intervals), and the reference's figures where allowed.
 */
export function metricsChart(
  results: readonly EvaluationResult[],
  { demo, width = defaultWidth }: ChartOptions,
): TopLevelSpec {
  const shown = results.filter((result) => result.perturbation === "none");
  const full = (result: EvaluationResult) =>
    `${testName(result)} (${result.kind === "cross" ? "across" : "within"})`;
  const short = shortNames(shown.map(full), 0.4 * width);
  const name = (result: EvaluationResult) => short(full(result));
  const values = shown.flatMap((result) => metricPoints(result, name(result)));
  const names = rankedMetrics.map(([, label]) => label);
  if (shown.length === 0) {
    throw new Error("Cannot draw the metrics by data set: expected an unperturbed test but found none");
  }
  return {
    ...frame("Metrics by data set", { demo, subtitle: pointNotes(shown) }, describe(shown)),
    width: width - 30 - labelSpace(shown.map(name)),
    height: { step: 15 },
    data: { values },
    encoding: {
      y: setRows(),
      yOffset: { field: "metric", type: "nominal", sort: names },
      x: {
        field: "value",
        type: "quantitative",
        title: "value (higher is better)",
        scale: { domain: [0, 1] },
        axis: { tickCount: 6 },
      },
    },
    layer: [{
      transform: [{ filter: "datum.kind === 'majority'" }],
      mark: { type: "tick", color: "black", thickness: 2, size: 13 },
    }, ...pointLayers("x", names, width)],
  };
}

/** The same metrics by JPEG quality, from uncompressed down, for each set that was tested under JPEG. */
export function jpegChart(
  results: readonly EvaluationResult[],
  { demo, width = defaultWidth }: ChartOptions,
): TopLevelSpec {
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
  const names = rankedMetrics.map(([, label]) => label);
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

type Layers = Extract<TopLevelSpec, { layer: unknown[] }>["layer"];

type MetricPoint = {
  set: string;
  metric: string;
  kind: "ours" | "reference" | "majority";
  value: number;
  low?: number;
  high?: number;
};

function metricPoints(result: EvaluationResult, set: string): MetricPoint[] {
  const figure = referenceFor(result);
  return rankedMetrics.flatMap(([key, metric]) => {
    const value = estimate(result, key as MetricName);
    if (!value) return [];
    const interval = key === "balancedAccuracy" ? null : result.intervals?.[key] ?? null;
    const { mean, sd } = value;
    // Cut where no metric can be.
    const spread = sd !== null ? { low: Math.max(mean - sd, 0), high: Math.min(mean + sd, 1) } : interval;
    const points: MetricPoint[] = [{ set, metric, kind: "ours", value: mean, ...spread }];
    if (key === "accuracy") {
      points.push({ set, metric, kind: "majority", value: result.metrics.majorityAccuracy });
    }
    if (figure && (key === "accuracy" || key === "auc")) {
      points.push({ set, metric, kind: "reference", value: figure[key] });
    }
    return points;
  });
}

function pointLayers(along: "x" | "y", names: string[], width: number): Layers {
  const scale = (range: string[]) => ({ domain: names, range: range.slice(0, names.length) });
  const legend = { columns: width < 480 ? 2 : 4 };
  const color = { field: "metric", type: "nominal" as const, title: null, scale: scale(colours), legend };
  const shape = { ...color, scale: scale(shapes) };
  const only = (kind: string) => [{ filter: `datum.kind === '${kind}'` }];
  const end = along === "x" ? "x2" : "y2";
  return [
    {
      transform: [{ filter: "isValid(datum.low)" }],
      mark: { type: "rule", strokeWidth: 1.5, opacity: 0.8 },
      encoding: {
        [along]: { field: "low", type: "quantitative" },
        [end]: { field: "high" },
        color,
      },
    },
    {
      transform: only("ours"),
      mark: { type: "point", filled: true, size: 65, opacity: 1 },
      encoding: { color, shape },
    },
    {
      transform: only("reference"),
      mark: { type: "point", shape: "diamond", filled: false, size: 110, strokeWidth: 1.8, opacity: 1 },
      encoding: { color },
    },
  ];
}

/** What joins the points of a metric from level to level. */
function lineLayers(names: string[]): Layers {
  const color = {
    field: "metric",
    type: "nominal" as const,
    title: null,
    scale: { domain: names, range: colours.slice(0, names.length) },
  };
  const mark = { type: "line" as const, strokeWidth: 1.2 };
  return [
    { transform: [{ filter: "datum.kind === 'ours'" }], mark, encoding: { color } },
    {
      transform: [{ filter: "datum.kind === 'reference'" }],
      mark: { ...mark, strokeDash: [3, 3] },
      encoding: { color },
    },
    {
      transform: [{ filter: "datum.kind === 'majority'" }],
      mark: { ...mark, color: "black", strokeWidth: 1.8 },
    },
  ];
}

function pointNotes(results: readonly EvaluationResult[]): string[] {
  const runs = Math.max(1, ...results.map((result) => result.runs?.length ?? 1));
  const spread = runs > 1
    ? [`Bars: ± standard deviation over ${runs} runs`]
    : results.some(({ intervals }) => intervals?.auc || intervals?.ap || intervals?.accuracy)
    ? ["Bars: 95 % bootstrap intervals"]
    : [];
  const reference = results.some((result) => referenceFor(result))
    ? ["Hollow diamond: the reference's figure"]
    : [];
  return [...spread, "Black line: accuracy of always answering the larger class", ...reference];
}

function describe(results: readonly EvaluationResult[]): string {
  return results.map((result) => {
    const values = rankedMetrics.map(([key, label]) => {
      const value = estimate(result, key);
      return `${label} ${value ? value.mean.toFixed(3) : "undefined"}`;
    });
    return `${testName(result)}: ${values.join(", ")}, majority class ${
      result.metrics.majorityAccuracy.toFixed(3)
    }.`;
  }).join(" ");
}
