/**
 * What ROC and precision-recall curves share.
 *
 * @module
 */
import {
  type ChartOptions,
  type ChartSpec,
  colours,
  cycle,
  dashes,
  frame,
  lineLegend,
  rule,
  shortNames,
} from "../style.ts";
import { evaluateScores } from "../../metrics/evaluate.ts";
import { type MetricName, metrics } from "../../metrics/metrics/mod.ts";
import { meanAndSd, type Prediction, testName } from "../report.ts";

/** What tells one kind of curve from the other. */
export type CurveOptions = Required<ChartOptions> & {
  title: string;
  subtitle: string;
  x: string;
  y: string;
  /** In the legend. */
  metric: MetricName;
  /** The points as two arrays, as there may be a million. */
  curve(labels: number[], scores: number[]): CurvePoints;
  /** The line of a detector that guesses, given the share of fakes. */
  baselines(share: number): { x: number; y: number }[];
};

/** Points along a curve. */
type CurvePoints = { readonly x: readonly number[]; readonly y: readonly number[] };

/** A curve per test and run, over the line of a detector that guesses. */
export function curveChart(predictions: readonly Prediction[], options: CurveOptions): ChartSpec {
  const { demo, width, title, subtitle, metric, curve, baselines } = options;
  const tests = groupTests(predictions).filter(({ all }) =>
    new Set(all.map((each) => each.label)).size === 2
  );
  const short = shortNames(tests.map(({ name }) => name), width - 240);
  const runs = new Set(predictions.map(({ run }) => run)).size;
  const lines = runs > 1 ? `A line for each of ${runs} runs. ${subtitle}` : subtitle;
  const legends: string[] = [];
  const points: Record<string, unknown>[] = [];
  const chance: Record<string, unknown>[] = [];
  for (const { name, all } of tests) {
    const byRun = [...new Set(all.map((each) => each.run))].map((run) => {
      const scored = all.filter((each) => each.run === run);
      return { run, labels: scored.map((each) => each.label), scores: scored.map((each) => each.score) };
    });
    const value = meanAndSd(byRun.map(({ labels, scores }) => evaluateScores(labels, scores)[metric]));
    const number = value
      ? value.mean.toFixed(3) + (value.sd === null ? "" : ` ± ${value.sd.toFixed(3)}`)
      : "–";
    const legend = `${short(name)} (${metrics[metric].title} ${number})`;
    legends.push(legend);
    for (const { run, labels, scores } of byRun) {
      thin(curve(labels, scores)).forEach((point, order) => points.push({ ...point, order, run, legend }));
    }
    const share = all.filter((each) => each.label === 1).length / all.length;
    for (const point of baselines(share)) chance.push({ ...point, legend });
  }
  const size = Math.min(460, width - 90);
  const axis = { scale: { domain: [0, 1] }, axis: { tickCount: 5, format: ".1f" } };
  const scale = (range: (string | number[])[]) => ({ domain: legends, range: cycle(range, legends.length) });
  const legend = { ...lineLegend, columns: 1 };
  if (tests.length === 0) {
    throw new Error(
      "Cannot draw the curves: expected an unperturbed test with real and fake images but found none",
    );
  }
  return {
    ...frame(title, { demo, subtitle: lines }, legends.join("; ") + "."),
    width: size,
    height: size,
    layer: [
      {
        data: { values: chance },
        mark: { type: "line", color: rule, strokeWidth: 1 },
        encoding: {
          x: { field: "x", type: "quantitative", title: options.x, ...axis },
          y: { field: "y", type: "quantitative", title: options.y, ...axis },
          detail: { field: "legend" },
        },
      },
      {
        data: { values: points },
        mark: { type: "line", interpolate: "linear" },
        encoding: {
          x: { field: "x", type: "quantitative" },
          y: { field: "y", type: "quantitative" },
          order: { field: "order", type: "quantitative" },
          detail: { field: "run" },
          color: { field: "legend", type: "nominal", title: null, scale: scale(colours), legend },
          strokeDash: { field: "legend", type: "nominal", title: null, scale: scale(dashes), legend },
        },
      },
    ],
  };
}

/** At most some 300 points of a curve, evenly along its length, its ends kept. */
function thin({ x, y }: CurvePoints, most = 300): { x: number; y: number }[] {
  const pointAt = (i: number) => ({ x: x[i], y: y[i] });
  if (x.length <= most) return x.map((_, i) => pointAt(i));
  const step = 2 / most;
  const kept = [pointAt(0)];
  for (let i = 1; i < x.length - 1; i++) {
    const last = kept[kept.length - 1];
    if (Math.abs(x[i] - last.x) + Math.abs(y[i] - last.y) >= step) kept.push(pointAt(i));
  }
  return [...kept, pointAt(x.length - 1)];
}

/** The predictions of each unperturbed test. */
export function groupTests(predictions: readonly Prediction[]): { name: string; all: Prediction[] }[] {
  const groups = new Map<string, Prediction[]>();
  for (const each of predictions) {
    if (each.perturbation !== "none") continue;
    const name = testName(each);
    const group = groups.get(name);
    if (group) group.push(each);
    else groups.set(name, [each]);
  }
  return [...groups].map(([name, all]) => ({ name, all }));
}
