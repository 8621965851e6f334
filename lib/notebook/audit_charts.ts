/**
 * What the reference's mistakes cost → Vega-Lite (v5) specs.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { classScale, colours, defaultWidth, frame, labelSpace, setRows, shapes } from "../report/style.ts";
import { referenceFigures } from "../report/reference.ts";
import { type EvaluationResult, testName } from "../report/report.ts";
import type { MessyFolder, OrderedScore } from "./audit.ts";

/** What stands below the title of every chart made on demo data. */
const caveat = "Demo data and demo encoder: says nothing about CLIP on real faces";

/** AUC by data set, for each way of doing it, of the first training seed, with its 95 % interval; grey: chance. */
export function costChart(
  title: string,
  options: {
    readonly ways: readonly { readonly name: string; readonly results: readonly EvaluationResult[] }[];
    readonly demo: boolean;
    readonly width?: number;
  },
): TopLevelSpec {
  const { ways, demo, width = defaultWidth } = options;
  const values = ways.flatMap(({ name, results }) =>
    results.flatMap((result) => {
      const { auc } = result.metrics;
      if (auc === null) return [];
      const range = result.intervals?.auc;
      return [{ set: testName(result), way: name, value: auc, low: range?.low, high: range?.high }];
    })
  );
  const names = ways.map(({ name }) => name);
  const color = {
    field: "way",
    type: "nominal",
    title: null,
    scale: { domain: names, range: colours.slice(0, names.length) },
    legend: { columns: 2 },
  } as const;
  const shape = { ...color, scale: { domain: names, range: shapes.slice(0, names.length) } } as const;
  const y = setRows();
  const yOffset = { field: "way", type: "nominal", sort: names } as const;
  return {
    ...frame(
      title,
      {
        demo,
        subtitle: [
          ...(demo ? [caveat] : []),
          "The same training seed; bars: 95 % bootstrap intervals. Grey: chance",
        ],
      },
      values.map(({ set, way, value }) => `${way}, ${set}: AUC ${value.toFixed(3)}.`).join(" "),
    ),
    width: width - 30 - labelSpace(values.map(({ set }) => set)),
    height: { step: 20 },
    data: { values },
    layer: [
      {
        data: { values: [{}] },
        mark: { type: "rule", color: "#9aa5b1" },
        encoding: { x: { datum: 0.5, type: "quantitative" } },
      },
      {
        transform: [{ filter: "isValid(datum.low)" }],
        mark: { type: "rule", strokeWidth: 1.5 },
        encoding: { x: { field: "low", type: "quantitative" }, x2: { field: "high" }, y, yOffset, color },
      },
      {
        mark: { type: "point", filled: true, size: 75, opacity: 1 },
        encoding: {
          x: {
            field: "value",
            type: "quantitative",
            title: "AUC (higher is better)",
            scale: { domain: [0, 1] },
          },
          y,
          yOffset,
          color,
          shape,
        },
      },
    ],
  };
}

/** Each image's score reals first against its score in a shuffled order; on the diagonal, its neighbours do not matter. */
export function orderChart(
  scores: readonly OrderedScore[],
  options: {
    readonly demo: boolean;
    readonly sortedAuc: number;
    readonly shuffledAuc: number;
    readonly width?: number;
  },
): TopLevelSpec {
  const { demo, sortedAuc, shuffledAuc, width = defaultWidth } = options;
  const values = scores.map(({ label, sorted, shuffled }) => ({
    label: classScale.domain[label],
    sorted,
    shuffled,
  }));
  const axis = { scale: { domain: [0, 1] }, axis: { tickCount: 5, format: ".1f" } };
  return {
    ...frame(
      "The same images in two orders",
      {
        demo,
        subtitle: [
          ...(demo ? [caveat] : []),
          `AUC ${sortedAuc.toFixed(3)} reals first, ${shuffledAuc.toFixed(3)} shuffled`,
        ],
      },
      `With attention across the batch: AUC ${sortedAuc.toFixed(4)} reals first, ${
        shuffledAuc.toFixed(4)
      } shuffled.`,
    ),
    width: Math.min(380, width - 90),
    height: Math.min(380, width - 90),
    layer: [
      {
        data: { values: [{ sorted: 0, shuffled: 0 }, { sorted: 1, shuffled: 1 }] },
        mark: { type: "line", color: "#9aa5b1", strokeWidth: 1 },
        encoding: {
          x: { field: "sorted", type: "quantitative", title: "score, reals first", ...axis },
          y: { field: "shuffled", type: "quantitative", title: "score, shuffled", ...axis },
        },
      },
      {
        data: { values },
        mark: { type: "point", filled: true, size: 35, opacity: 0.7 },
        encoding: {
          x: { field: "sorted", type: "quantitative" },
          y: { field: "shuffled", type: "quantitative" },
          color: { field: "label", type: "nominal", title: null, scale: classScale },
          shape: {
            field: "label",
            type: "nominal",
            title: null,
            scale: { domain: classScale.domain, range: shapes.slice(0, 2) },
          },
        },
      },
    ],
  };
}

/** The accuracies that the reference printed, and ours, each beside always answering 'fake' (or the larger class). */
export function accuracyChart(
  results: readonly EvaluationResult[],
  options: { readonly demo: boolean; readonly width?: number },
): TopLevelSpec {
  const { demo, width = defaultWidth } = options;
  const rows = [
    ...referenceFigures.filter(({ perturbation }) => perturbation === "none").map((figure) => ({
      test: `${figure.set} (as printed)`,
      accuracy: figure.accuracy,
      always: Math.max(figure.real, figure.fake) / (figure.real + figure.fake),
    })),
    ...results.map((result) => ({
      test: `${testName(result)}${demo ? " (DEMO)" : ""}`,
      accuracy: result.metrics.accuracy,
      always: result.metrics.majorityAccuracy,
    })),
  ];
  return {
    ...frame(
      "Accuracy beside 'always the larger class'",
      {
        demo: false, // the reference's own figures are of real faces; the demo's rows say what they are
        subtitle: [
          "Black line: always answering the larger class",
          ...(demo ? [`DEMO rows: ${caveat.replace(/^D/, "d")}`] : []),
        ],
      },
      rows.map(({ test, accuracy, always }) =>
        `${test}: accuracy ${accuracy.toFixed(4)}, always the larger class ${always.toFixed(4)}.`
      ).join(" "),
    ),
    width: width - 30 - labelSpace(rows.map(({ test }) => test)),
    height: { step: 26 },
    data: { values: rows },
    encoding: {
      y: { field: "test", type: "nominal", title: null, sort: null, axis: { grid: false, ticks: false } },
    },
    layer: [
      {
        mark: { type: "bar", color: colours[0], height: 14 },
        encoding: {
          x: { field: "accuracy", type: "quantitative", title: "accuracy", scale: { domain: [0, 1] } },
        },
      },
      {
        mark: { type: "tick", color: "black", thickness: 2.5, size: 22 },
        encoding: { x: { field: "always", type: "quantitative" } },
      },
    ],
  };
}

/** AUC of repeating one evaluation, and of training with other seeds. */
export function repeatChart(
  aucs: { readonly repeats: readonly number[]; readonly seeds: readonly number[] },
  options: { readonly demo: boolean; readonly width?: number },
): TopLevelSpec {
  const { demo, width = defaultWidth } = options;
  const kinds = ["same weights again", "another training seed"];
  const values = [
    ...aucs.repeats.map((value, i) => ({ kind: kinds[0], run: i + 1, value })),
    ...aucs.seeds.map((value, i) => ({ kind: kinds[1], run: i + 1, value })),
  ];
  const spread = (list: readonly number[]) => (Math.max(...list) - Math.min(...list)).toFixed(4);
  const low = Math.min(...values.map(({ value }) => value));
  const high = Math.max(...values.map(({ value }) => value));
  return {
    ...frame(
      "What a 'run' is",
      { demo, subtitle: demo ? [caveat] : [] },
      `AUC varies by ${spread(aucs.repeats)} over repeats and by ${spread(aucs.seeds)} over seeds.`,
    ),
    width: width - 230,
    height: 200,
    data: { values },
    mark: { type: "line", point: { filled: true, size: 70 } },
    encoding: {
      x: { field: "run", type: "ordinal", title: "run", axis: { labelAngle: 0, grid: false } },
      y: {
        field: "value",
        type: "quantitative",
        title: "test AUC",
        scale: { domain: [low - 0.02, Math.min(1, high + 0.02)], nice: true },
      },
      color: {
        field: "kind",
        type: "nominal",
        title: null,
        scale: { domain: kinds, range: colours.slice(0, 2) },
      },
      shape: {
        field: "kind",
        type: "nominal",
        title: null,
        scale: { domain: kinds, range: shapes.slice(0, 2) },
      },
    },
  };
}

/** How many files of a messy folder are used here, and how many the reference reads before its run ends. */
export function messyChart(
  { list, before, files }: MessyFolder,
  options: { readonly demo: boolean; readonly width?: number },
): TopLevelSpec {
  const { demo, width = defaultWidth } = options;
  const fates = ["used", "skipped and listed", "never reached"];
  const rows = [
    { whose: "this bench", fate: fates[0], files: list.samples.length },
    { whose: "this bench", fate: fates[1], files: list.skipped.length },
    { whose: "the reference", fate: fates[0], files: before },
    { whose: "the reference", fate: fates[2], files: files - before },
  ];
  return {
    ...frame(
      "A folder with three files that are no images",
      { demo, subtitle: demo ? [caveat] : [] },
      rows.map(({ whose, fate, files }) => `${whose}: ${files} ${fate}.`).join(" "),
    ),
    width: width - 140,
    height: { step: 34 },
    data: { values: rows },
    mark: { type: "bar", height: 20 },
    encoding: {
      y: { field: "whose", type: "nominal", title: null, sort: null, axis: { grid: false, ticks: false } },
      x: { field: "files", type: "quantitative", title: "files, in the order of their names" },
      order: { field: "fate", sort: "descending" },
      color: {
        field: "fate",
        type: "nominal",
        title: null,
        scale: { domain: fates, range: [colours[0], colours[4], "#c9d0d6"] },
      },
    },
  };
}
