/**
 * The points, bars and words that the charts of metrics share.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { colours, shapes } from "../style.ts";
import { referenceFor } from "../reference.ts";
import { estimate, type EvaluationResult, type MetricName } from "../report.ts";
import { testName } from "../tables.ts";

export const rankedMetrics = [
  ["auc", "AUC"],
  ["ap", "AP"],
  ["balancedAccuracy", "balanced accuracy"],
  ["accuracy", "accuracy"],
] as const;

type Layers = Extract<TopLevelSpec, { layer: unknown[] }>["layer"];

type MetricPoint = {
  set: string;
  metric: string;
  kind: "ours" | "reference" | "majority";
  value: number;
  low?: number;
  high?: number;
};

export function metricPoints(result: EvaluationResult, set: string): MetricPoint[] {
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

export function pointLayers(along: "x" | "y", names: string[], width: number): Layers {
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
export function lineLayers(names: string[]): Layers {
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

export function pointNotes(results: readonly EvaluationResult[]): string[] {
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

export function describe(results: readonly EvaluationResult[]): string {
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
