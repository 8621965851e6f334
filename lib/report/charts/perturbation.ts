/**
 * Metrics by the level of a perturbation → Vega-Lite (v5) specs.
 *
 * @module
 */
import { parsePerturbation, perturbationKinds, perturbations } from "../../images/perturbations/mod.ts";
import type { PerturbationKind } from "../../images/perturbations/perturbation.ts";
import {
  bySet,
  type ChartOptions,
  type ChartSpec,
  defaultWidth,
  frame,
  scaleOver,
  shortNames,
} from "../style.ts";
import { type EvaluationResult, testName } from "../report.ts";
import { topLevel } from "./levels.ts";
import {
  chartedMetrics,
  describe,
  lineLayers,
  metricPoints,
  pointLayers,
  pointNotes,
} from "./metric_points.ts";

/** Between the bands of two levels, and beside the outer ones: a share of the step from level to level. */
const GAP = 0.2;

/** A chart for each family of perturbations that was tested at two levels or more, that of no perturbation among them. */
export function perturbationCharts(
  results: readonly EvaluationResult[],
  options: ChartOptions,
): ChartSpec[] {
  return perturbationKinds
    .filter((kind) => new Set(levelsOf(results, kind).values()).size > 1)
    .map((kind) => perturbationChart(results, { ...options, kind }));
}

/**
 * `perturbationChart()` by JPEG quality, from uncompressed down, at video level where there is one.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { jpegChart, renderChart } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * const results = ["none", "jpeg-90", "jpeg-50"].map((perturbation) => ({ ...test, perturbation, metrics }));
 * const { text } = await renderChart(jpegChart(results, { demo: false }));
 * assertStringIncludes(text, "faces test, jpeg-50: AUC 0.750");
 * ```
 */
export function jpegChart(results: readonly EvaluationResult[], options: ChartOptions): ChartSpec {
  return perturbationChart(topLevel(results), { ...options, kind: perturbations.jpeg });
}

/**
 * The same metrics by the level of one kind of perturbation, from the mildest on or, where a level is neutral, from one side of it to the other, for each set that was tested under it.
 *
 * @throws {Error} when none was
 */
export function perturbationChart(
  results: readonly EvaluationResult[],
  { kind, demo, width = defaultWidth }: ChartOptions & { readonly kind: PerturbationKind },
): ChartSpec {
  const { family, measure, without } = kind;
  const axis = `${kind.title} ${measure}`;
  const level = levelsOf(results, kind);
  const shown = [...level.keys()];
  const tested = new Set(shown.map(unperturbedName));
  const falling = kind.levels[0] > kind.levels[kind.levels.length - 1];
  const place = (name: string) =>
    name === "none" ? kind.neutral ?? -Infinity : falling ? -Number(name) : Number(name);
  const levels = [...new Set(level.values())].sort((a, b) => place(a) - place(b));
  const names = chartedMetrics(shown).map(({ title }) => title);
  const perRow = tested.size > 1 && width >= 600 ? 2 : 1;
  const short = shortNames([...tested], width / perRow - 90);
  const values = shown.flatMap((result) =>
    metricPoints(result, short(unperturbedName(result))).map((point) => ({
      ...point,
      [measure]: level.get(result),
    }))
  );

  const plot = Math.floor((width - 20) / perRow) - 75;
  const middle = (plot / (levels.length + GAP)) * (1 - GAP) / 2;

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
      width: plot,
      height: 240,
      encoding: {
        x: {
          field: measure,
          type: "ordinal",
          sort: levels,
          title: `${axis} (none: ${without})`,
          axis: { labelAngle: 0, grid: false },
          scale: { paddingInner: GAP, paddingOuter: GAP },
        },
        // So near each other that a level's marks stand by its label.
        xOffset: {
          field: "metric",
          type: "nominal",
          sort: names,
          scale: { range: [middle - 8, middle + 8] },
        },
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
