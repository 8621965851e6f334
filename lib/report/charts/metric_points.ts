/**
 * The points, bars and words that the charts of metrics share.
 *
 * @module
 */
import { type ChartSpec, colours, cycle, isNarrow, shapes } from "../style.ts";
import { referenceFor } from "../reference.ts";
import { hasInterval } from "../../metrics/intervals/bootstrap.ts";
import { type MetricName, metricNames, metrics } from "../../metrics/metrics/mod.ts";
import { estimate, type EvaluationResult, metricsIn, testName } from "../report.ts";

/** The metrics that the charts show, as their legends call them. */
export function chartedMetrics(results: readonly EvaluationResult[]): { name: MetricName; title: string }[] {
  return metricsIn(results).filter((name) => metrics[name].chart).map((name) => ({
    name,
    title: metrics[name].title,
  }));
}

/** The layers of a chart. */
export type Layers = Extract<ChartSpec, { layer: unknown[] }>["layer"];

/** A value of a metric in a chart, and the ends of its bar. */
export type MetricPoint = {
  set: string;
  metric: string;
  kind: "ours" | "reference" | "majority";
  value: number;
  low?: number;
  high?: number;
};

/** A result's metrics with their spread over runs or their intervals, and what they are to be held against. */
export function metricPoints(result: EvaluationResult, set: string): MetricPoint[] {
  const figure = referenceFor(result);
  return chartedMetrics([result]).flatMap(({ name, title }) => {
    const value = estimate(result, name);
    if (!value) return [];
    const interval = hasInterval(name) ? result.intervals?.[name] ?? null : null;
    const { mean, sd } = value;
    // Cut where no metric can be.
    const spread = sd !== null ? { low: Math.max(mean - sd, 0), high: Math.min(mean + sd, 1) } : interval;
    const points: MetricPoint[] = [{ set, metric: title, kind: "ours", value: mean, ...spread }];
    if (name === "accuracy") {
      points.push({ set, metric: title, kind: "majority", value: result.metrics.majorityAccuracy });
    }
    if (figure && (name === "accuracy" || name === "auc")) {
      points.push({ set, metric: title, kind: "reference", value: figure[name] });
    }
    return points;
  });
}

/** The bars and points of metrics along an axis. */
export function pointLayers(along: "x" | "y", names: string[], width: number): Layers {
  const scale = (range: string[]) => ({ domain: names, range: cycle(range, names.length) });
  const legend = { columns: isNarrow(width) ? 2 : 4 };
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
    scale: { domain: names, range: cycle(colours, names.length) },
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

/** How the marks of such a chart are to be read. */
export function pointNotes(results: readonly EvaluationResult[]): string[] {
  const runs = Math.max(1, ...results.map((result) => result.runs?.length ?? 1));
  const spread = runs > 1
    ? [`Bars: ± standard deviation over ${runs} runs`]
    : results.some(({ intervals }) => metricNames.filter(hasInterval).some((name) => intervals?.[name]))
    ? ["Bars: 95 % bootstrap intervals"]
    : [];
  const reference = results.some((result) => referenceFor(result))
    ? ["Hollow diamond: the reference's figure"]
    : [];
  return [...spread, "Line without points: accuracy of always answering the larger class", ...reference];
}

/** The results in a sentence each. */
export function describe(results: readonly EvaluationResult[]): string {
  return results.map((result) => {
    const values = chartedMetrics([result]).map(({ name, title }) => {
      const value = estimate(result, name);
      return `${title} ${value ? value.mean.toFixed(3) : "undefined"}`;
    });
    return `${testName(result)}: ${values.join(", ")}, majority class ${
      result.metrics.majorityAccuracy.toFixed(3)
    }.`;
  }).join(" ");
}
