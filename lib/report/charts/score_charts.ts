/**
 * Scores and confusion matrices → Vega-Lite (v5) specs.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import {
  bySet,
  type ChartOptions,
  classScale,
  colours,
  dashes,
  defaultWidth,
  frame,
  lineLegend,
  shortNames,
} from "../style.ts";
import { prCurve, rocCurve } from "../../metrics/curves.ts";
import { evaluateScores } from "../../metrics/evaluate.ts";
import { type EvaluationResult, meanAndSd, type Prediction } from "../report.ts";
import { testName } from "../tables.ts";

/** ROC curves of the unperturbed tests, one per set (and run), with AUC in the legend. */
export function rocChart(
  predictions: readonly Prediction[],
  { demo, width = defaultWidth }: ChartOptions,
): TopLevelSpec {
  return curveChart(predictions, {
    demo,
    width,
    title: "ROC curves",
    subtitle: "Grey: chance",
    x: "false positive rate (reals called fake)",
    y: "true positive rate (fakes called fake)",
    metric: "auc",
    metricName: "AUC",
    curve: (labels, scores) => {
      const { fpr, tpr } = rocCurve(labels, scores, { dropIntermediate: true });
      return fpr.map((x, i) => ({ x, y: tpr[i] }));
    },
    baselines: () => [{ x: 0, y: 0 }, { x: 1, y: 1 }],
  });
}

/** Precision-recall curves of the unperturbed tests, one per set (and run), with AP in the legend. */
export function prChart(
  predictions: readonly Prediction[],
  { demo, width = defaultWidth }: ChartOptions,
): TopLevelSpec {
  return curveChart(predictions, {
    demo,
    width,
    title: "Precision-recall curves",
    subtitle: "Grey: chance, which is each set's share of fakes",
    x: "recall (fakes found)",
    y: "precision (share of fakes among those called fake)",
    metric: "ap",
    metricName: "AP",
    curve: (labels, scores) => {
      const { precision, recall } = prCurve(labels, scores);
      return precision.map((y, i) => ({ x: recall[i], y }));
    },
    baselines: (share) => [{ x: 0, y: share }, { x: 1, y: share }],
  });
}

/** Confusion matrices of the unperturbed tests: counts, and shares of the true class. */
export function confusionChart(
  results: readonly EvaluationResult[],
  { demo, width = defaultWidth }: ChartOptions,
): TopLevelSpec {
  const shown = results.filter((result) => result.perturbation === "none");
  if (shown.length === 0) {
    throw new Error("Cannot draw the confusion matrices: expected an unperturbed test but found none");
  }
  const classes = classScale.domain;
  const name = shortNames(shown.map(testName), 160);
  const values = shown.flatMap((result) =>
    result.metrics.confusion.flatMap((row, truth) =>
      row.map((images, answer) => {
        const total = row[0] + row[1];
        return {
          set: name(testName(result)),
          truth: classes[truth],
          answer: classes[answer],
          images,
          share: total === 0 ? 0 : images / total,
        };
      })
    )
  );
  const columns = Math.max(1, Math.min(shown.length, Math.floor(width / 200)));
  const y = { field: "truth", type: "nominal", sort: classes, title: "truth" } as const;
  const x = {
    field: "answer",
    type: "nominal",
    sort: classes,
    title: "answer",
    axis: { labelAngle: 0, orient: "bottom" },
  } as const;
  const ink = { condition: { test: "datum.share > 0.7", value: "white" }, value: "#1b1f23" } as const;
  const thresholds = [...new Set(shown.map((result) => result.metrics.threshold))].join(", ");
  const first = shown.some(({ runs = [] }) => runs.length > 1) ? ["Of the first run"] : [];
  const subtitle = [...first, `Images, and share of their true class; fake from a score of ${thresholds}`];
  return {
    ...frame(
      "Confusion matrices",
      { demo, subtitle },
      shown.map((result) => {
        const [[tn, fp], [fn, tp]] = result.metrics.confusion;
        return `${testName(result)}: of ${tn + fp} reals ${fp} called fake, of ${
          fn + tp
        } fakes ${fn} called real.`;
      }).join(" "),
    ),
    data: { values },
    columns,
    facet: bySet(values),
    spacing: 24,
    resolve: { axis: { x: "independent", y: "independent" } },
    spec: {
      width: 120,
      height: 120,
      encoding: { x, y },
      layer: [
        {
          mark: { type: "rect", stroke: "white", strokeWidth: 2 },
          encoding: {
            color: {
              field: "share",
              type: "quantitative",
              scale: { domain: [0, 1], range: ["#eef4fa", "#08519c"] },
              legend: null,
            },
          },
        },
        {
          mark: { type: "text", fontSize: 14, fontWeight: 600, dy: -7 },
          encoding: { text: { field: "images", format: ",d" }, color: ink },
        },
        {
          mark: { type: "text", fontSize: 11, dy: 10 },
          encoding: { text: { field: "share", format: ".1%" }, color: ink },
        },
      ],
    },
  };
}

/** How the scores of real and of fake images spread, in 20 bins, for each unperturbed test. */
export function scoreChart(
  predictions: readonly Prediction[],
  { demo, width = defaultWidth, threshold = 0.5 }: ChartOptions & { threshold?: number },
): TopLevelSpec {
  const bins = 20;
  const tests = groupTests(predictions);
  const perRow = Math.max(1, Math.min(tests.length, Math.floor(width / 280)));
  const short = shortNames(tests.map(({ name }) => name), width / perRow - 90);
  const values = tests.flatMap(({ name, all }) =>
    ([0, 1] as const).flatMap((label) => {
      const scores = all.filter((each) => each.label === label).map((each) => each.score);
      const counts = new Array<number>(bins).fill(0);
      for (const score of scores) counts[Math.min(Math.floor(score * bins), bins - 1)]++;
      return counts.map((images, bin) => ({
        set: short(name),
        label: classScale.domain[label],
        from: bin / bins,
        to: (bin + 1) / bins,
        share: scores.length === 0 ? 0 : images / scores.length,
      }));
    })
  );

  if (tests.length === 0) {
    throw new Error("Cannot draw the scores: expected predictions without perturbation but found none");
  }
  const runs = new Set(tests.flatMap(({ all }) => all.map(({ run }) => run))).size;
  const together = runs > 1 ? `All ${runs} runs together. ` : "";
  return {
    ...frame(
      "Scores by class",
      { demo, subtitle: `${together}Dashed: the threshold, ${threshold}` },
      tests.map(({ name, all }) => {
        const mean = (label: number) =>
          meanAndSd(all.filter((each) => each.label === label).map((each) => each.score))?.mean.toFixed(3) ??
            "–";
        return `${name}: mean score of reals ${mean(0)}, of fakes ${mean(1)}.`;
      }).join(" "),
    ),
    data: { values },
    columns: perRow,
    facet: bySet(values),
    resolve: { axis: { x: "independent", y: "independent" } },
    spec: {
      width: Math.floor((width - 30) / perRow) - 75,
      height: 150,
      layer: [
        {
          mark: { type: "bar", opacity: 0.6, binSpacing: 0 },
          encoding: {
            x: {
              field: "from",
              bin: { binned: true, step: 1 / bins },
              type: "quantitative",
              title: "score (probability of fake)",
              axis: { values: [0, 0.2, 0.4, 0.6, 0.8, 1], grid: false, format: ".1f" },
              scale: { domain: [0, 1] },
            },
            x2: { field: "to" },
            y: {
              field: "share",
              type: "quantitative",
              stack: null,
              title: "share of the class",
              axis: { format: "%", tickCount: 4 },
            },
            color: { field: "label", type: "nominal", title: null, scale: classScale },
          },
        },
        {
          mark: { type: "rule", strokeDash: [4, 3], color: "black" },
          encoding: { x: { datum: threshold, type: "quantitative" } },
        },
      ],
    },
  };
}

type CurveOptions = Required<ChartOptions> & {
  title: string;
  subtitle: string;
  x: string;
  y: string;
  metric: "auc" | "ap";
  metricName: string;
  curve(labels: number[], scores: number[]): { x: number; y: number }[];
  /** The line of a detector that guesses, given the share of fakes. */
  baselines(share: number): { x: number; y: number }[];
};

function curveChart(predictions: readonly Prediction[], options: CurveOptions): TopLevelSpec {
  const { demo, width, title, subtitle, metric, metricName, curve, baselines } = options;
  const tests = groupTests(predictions).filter(({ all }) =>
    new Set(all.map((each) => each.label)).size === 2
  );
  const short = shortNames(tests.map(({ name }) => name), width - 240);
  const legends: string[] = [];
  const points: Record<string, unknown>[] = [];
  const chance: Record<string, unknown>[] = [];
  for (const { name, all } of tests) {
    const runs = [...new Set(all.map((each) => each.run))].map((run) => {
      const of = all.filter((each) => each.run === run);
      return { run, labels: of.map((each) => each.label), scores: of.map((each) => each.score) };
    });
    const value = meanAndSd(runs.map(({ labels, scores }) => evaluateScores(labels, scores)[metric]));
    const number = value
      ? value.mean.toFixed(3) + (value.sd === null ? "" : ` ± ${value.sd.toFixed(3)}`)
      : "–";
    const legend = `${short(name)} (${metricName} ${number})`;
    legends.push(legend);
    for (const { run, labels, scores } of runs) {
      thin(curve(labels, scores)).forEach((point, order) => points.push({ ...point, order, run, legend }));
    }
    const share = all.filter((each) => each.label === 1).length / all.length;
    for (const point of baselines(share)) chance.push({ ...point, legend });
  }
  const size = Math.min(400, width - 90);
  const axis = { scale: { domain: [0, 1] }, axis: { tickCount: 5, format: ".1f" } };
  const scale = (range: (string | number[])[]) => ({ domain: legends, range: cycle(range, legends.length) });
  const legend = { ...lineLegend, columns: 1 };
  if (tests.length === 0) {
    throw new Error(
      "Cannot draw the curves: expected an unperturbed test with real and fake images but found none",
    );
  }
  return {
    ...frame(title, { demo, subtitle }, legends.join("; ") + "."),
    width: size,
    height: size,
    layer: [
      {
        data: { values: chance },
        mark: { type: "line", color: "#9aa5b1", strokeWidth: 1 },
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

function groupTests(predictions: readonly Prediction[]): { name: string; all: Prediction[] }[] {
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

/** At most some 300 points of a curve, evenly along its length, its ends kept. */
function thin(points: { x: number; y: number }[], most = 300): { x: number; y: number }[] {
  if (points.length <= most) return points;
  const step = 2 / most;
  const kept = [points[0]];
  for (const point of points.slice(1, -1)) {
    const { x, y } = kept[kept.length - 1];
    if (Math.abs(point.x - x) + Math.abs(point.y - y) >= step) kept.push(point);
  }
  return [...kept, points[points.length - 1]];
}

function cycle<T>(range: readonly T[], length: number): T[] {
  return Array.from({ length }, (_, i) => range[i % range.length]);
}
