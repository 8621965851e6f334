/**
 * Metrics by data set and by the level of a perturbation → Vega-Lite (v5) specs.
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
import { parsePerturbation, perturbationKinds, perturbations } from "../../images/perturbations/mod.ts";
import type { PerturbationKind } from "../../images/perturbations/perturbation.ts";
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

/** A chart for each family of perturbations that was tested at two levels or more, that of no perturbation among them. */
export function perturbationCharts(
  results: readonly EvaluationResult[],
  options: ChartOptions,
): TopLevelSpec[] {
  return perturbationKinds
    .filter((kind) => new Set(levelsOf(results, kind).values()).size > 1)
    .map((kind) => perturbationChart(results, { ...options, kind }));
}

/** `perturbationChart()` by JPEG quality, from uncompressed down. */
export function jpegChart(results: readonly EvaluationResult[], options: ChartOptions): TopLevelSpec {
  return perturbationChart(results, { ...options, kind: perturbations.jpeg });
}

/**
 * The same metrics by the level of one kind of perturbation, from the mildest on, for each set that was tested under it.
 *
 * @throws when none was
 */
export function perturbationChart(
  results: readonly EvaluationResult[],
  { kind, demo, width = defaultWidth }: ChartOptions & { readonly kind: PerturbationKind },
): TopLevelSpec {
  const { family, measure, without } = kind;
  const axis = `${kind.title} ${measure}`;
  const level = levelsOf(results, kind);
  const shown = [...level.keys()];
  const tested = new Set(shown.map(unperturbedName));
  const falling = kind.levels[0] > kind.levels[kind.levels.length - 1];
  const place = (name: string) => name === "none" ? -Infinity : falling ? -Number(name) : Number(name);
  const levels = [...new Set(level.values())].sort((a, b) => place(a) - place(b));
  const names = rankedMetrics.map(([, label]) => label);
  const perRow = tested.size > 1 && width >= 600 ? 2 : 1;
  const short = shortNames([...tested], width / perRow - 90);
  const values = shown.flatMap((result) =>
    metricPoints(result, short(unperturbedName(result))).map((point) => ({
      ...point,
      [measure]: level.get(result),
    }))
  );

  if (shown.length === 0) {
    throw new Error(
      `Cannot draw the metrics by ${axis}: expected a test under ${family}-… but found none`,
    );
  }
  return {
    ...frame(`Metrics by ${axis}`, { demo, subtitle: pointNotes(shown) }, describe(shown)),
    data: { values },
    columns: perRow,
    facet: bySet(values),
    resolve: { axis: { x: "independent", y: "independent" } },
    spec: {
      width: Math.floor((width - 20) / perRow) - 75,
      height: 240,
      encoding: {
        x: {
          field: measure,
          type: "ordinal",
          sort: levels,
          title: `${axis} (none: ${without})`,
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

/** The tests of the sets that were tested under a kind of perturbation, each with its level or `none`; others are left out. */
function levelsOf(
  results: readonly EvaluationResult[],
  kind: PerturbationKind,
): Map<EvaluationResult, string> {
  const levels = new Map<EvaluationResult, string>();
  for (const result of results) {
    const perturbation = parsePerturbation(result.perturbation);
    if (perturbation?.kind.family === kind.family) levels.set(result, String(perturbation.level));
  }
  const tested = new Set([...levels.keys()].map(unperturbedName));
  return new Map(results.flatMap((result) => {
    const level = result.perturbation === "none" && tested.has(unperturbedName(result))
      ? "none"
      : levels.get(result);
    return level === undefined ? [] : [[result, level]];
  }));
}

function unperturbedName(result: EvaluationResult): string {
  return testName({ ...result, perturbation: "none" });
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
