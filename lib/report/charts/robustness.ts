/**
 * AUC, false and true positive rate by the level of a perturbation → Vega-Lite (v5) specs.
 *
 * @module
 */
import { byLevelOf, type PerturbationKind } from "../../images/perturbations/perturbation.ts";
import { perturbationKinds } from "../../images/perturbations/mod.ts";
import type { Estimate } from "../report.ts";
import {
  quotedResults,
  type RobustnessRateName,
  robustnessRateNames,
  type RobustnessReport,
  type RobustnessResult,
  type RobustnessScore,
  thresholdText,
} from "../robustness/robustness.ts";
import {
  type ChartOptions,
  type ChartSpec,
  colours,
  dashes,
  defaultWidth,
  frame,
  grey,
  isNarrow,
  shapes,
} from "../style.ts";

/** What the charts call the rates. */
const titles: Readonly<Record<RobustnessRateName, string>> = {
  auc: "AUC",
  falsePositiveRate: "FPR: reals called fake",
  truePositiveRate: "TPR: fakes called fake",
};

/** A chart for each family of each test, in the order of the results. */
export function robustnessCharts(
  report: RobustnessReport,
  options: Pick<ChartOptions, "width"> = {},
): ChartSpec[] {
  return report.scores.flatMap((test) =>
    perturbationKinds.flatMap((kind) =>
      quotedResults(report.results).some((result) => isOf(result, test) && result.family === kind.family)
        ? [robustnessChart(report, { ...options, kind, test })]
        : []
    )
  );
}

/**
 * The rates of one test by the level of one kind of perturbation, from the clean test on or, where a level is neutral, with the
 * clean test in its place; the clean values go through as dashed lines, and AUC's by chance, 0.5, as a grey one.
 *
 * @throws {Error} when the test was not done under the kind
 */
export function robustnessChart(
  report: RobustnessReport,
  { kind, test, width = defaultWidth }: Pick<ChartOptions, "width"> & {
    readonly kind: PerturbationKind;
    readonly test: Pick<RobustnessScore, "set" | "split">;
  },
): ChartSpec {
  const { demo, scores, seeds, threshold } = report;
  const narrow = isNarrow(width);
  const all = quotedResults(report.results).filter((result) => isOf(result, test));
  const clean = all.find(({ perturbation }) => perturbation === "none");
  const shown = inOrder(all.filter(({ family }) => family === kind.family), kind, clean);
  if (!clean || shown.length < 2) {
    throw new Error(
      `Cannot draw the robustness to ${kind.title}: expected a test under ${kind.family}-… but found none`,
    );
  }
  const names = robustnessRateNames.map((name) => titles[name]);
  const values = robustnessRateNames.flatMap((name) =>
    shown.flatMap((result) => {
      const point = pointOf(result[name]);
      return point ? [{ severity: labelOf(result), rate: titles[name], ...point }] : [];
    })
  );
  const marks = robustnessRateNames.flatMap((name) =>
    clean[name] ? [{ rate: titles[name], value: clean[name].mean }] : []
  );
  const color = {
    field: "rate",
    type: "nominal" as const,
    title: null,
    scale: { domain: names, range: colours.slice(0, names.length) },
    legend: { columns: narrow ? 1 : 3, symbolOpacity: 1 },
  };
  const shape = { ...color, scale: { domain: names, range: shapes.slice(0, names.length) } };
  const x = {
    field: "severity",
    type: "ordinal" as const,
    sort: shown.map(labelOf),
    title: `${kind.title} ${kind.measure}`,
    // Upright, as many do not stand beside each other on a phone.
    axis: { labelAngle: narrow && shown.length > 8 ? -90 : 0, grid: false },
  };
  const y = {
    field: "value",
    type: "quantitative" as const,
    title: clean.level === "video" ? "share of videos, AUC" : "share of images, AUC",
    // The same for every family, so that charts beside each other can be compared.
    scale: { domain: [0, 1] },
  };
  const name = scores.length > 1 ? `${kind.title}, ${test.set} ${test.split}` : kind.title;
  const at = thresholdText(threshold);
  const chosen = threshold.by === "none" ? "chosen on nothing" : "fixed on clean validation";
  return {
    ...frame(
      `Robustness to ${name}`,
      {
        demo,
        subtitle: [
          ...(narrow
            ? [`FPR and TPR at the threshold ${at},`, chosen]
            : [`FPR and TPR at the threshold ${at}, ${chosen}`]),
          `Dashed: clean. Grey: AUC by chance${seeds > 1 ? `. Bars: ± sd over ${seeds} seeds` : ""}`,
        ],
      },
      shown.map(inWords).join(" "),
    ),
    width: width - 85,
    height: 240,
    layer: [
      {
        data: { values: [{ value: 0.5 }] },
        mark: { type: "rule", color: grey, strokeWidth: 1, opacity: 0.7 },
        encoding: { y },
      },
      {
        data: { values: marks },
        mark: { type: "rule", strokeDash: dashes[5], strokeWidth: 1.2, opacity: 0.6 },
        encoding: { y, color },
      },
      {
        data: { values: values.filter(({ low }) => low !== undefined) },
        mark: { type: "rule", strokeWidth: 1.5, opacity: 0.8 },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color },
      },
      { data: { values }, mark: { type: "line", strokeWidth: 1.8 }, encoding: { x, y, color } },
      {
        data: { values },
        mark: { type: "point", filled: true, size: 60, opacity: 1 },
        encoding: { x, y, color, shape },
      },
    ],
  };
}

function isOf(result: RobustnessResult, { set, split }: Pick<RobustnessScore, "set" | "split">): boolean {
  return result.set === set && result.split === split;
}

/** From the mildest level on with the clean test before it, or from one side of the neutral level to the other. */
function inOrder(
  results: readonly RobustnessResult[],
  kind: PerturbationKind,
  clean: RobustnessResult | undefined,
): RobustnessResult[] {
  const compare = byLevelOf(kind);
  const sorted = results.toSorted((a, b) => compare(a.severity!, b.severity!));
  const { neutral } = kind;
  const before = neutral === undefined ? 0 : sorted.filter(({ severity }) => severity! < neutral).length;
  return sorted.toSpliced(before, 0, ...(clean ? [clean] : []));
}

function labelOf({ severity }: RobustnessResult): string {
  return severity === null ? "clean" : `${severity}`;
}

function pointOf(value: Estimate | null): { value: number; low?: number; high?: number } | undefined {
  if (!value) return undefined;
  const { mean, sd } = value;
  // Cut where no rate can be.
  return {
    value: mean,
    ...(sd === null ? {} : { low: Math.max(mean - sd, 0), high: Math.min(mean + sd, 1) }),
  };
}

function inWords(result: RobustnessResult): string {
  const [auc, fpr, tpr] = robustnessRateNames.map((name) => result[name]?.mean.toFixed(3) ?? "undefined");
  return `${labelOf(result)}: AUC ${auc}, FPR ${fpr}, TPR ${tpr}.`;
}
