/**
 * Detectors side by side → Vega-Lite (v5) specs.
 *
 * @module
 */
import {
  type ComparedTest,
  type FigureBeside,
  inputEstimate,
  type InputResult,
  quotedBootstrap,
  trainingText,
} from "../comparison.ts";
import type { Estimate } from "../report.ts";
import {
  type ChartOptions,
  type ChartSpec,
  colours,
  cycle,
  defaultWidth,
  frame,
  grey,
  inLines,
  isNarrow,
  labelSpace,
  scaleOver,
  shapes,
  shortNames,
  twoLineNames,
} from "../style.ts";
import { signed } from "../tables/column.ts";
import { comparedName, drawnText, signedRange } from "../tables/comparison.ts";

/** A row for each name, in the order of the data. */
const y = {
  field: "name",
  type: "nominal",
  title: null,
  sort: null,
  axis: { grid: true, ticks: false, domain: false, labelPadding: 8, ...inLines },
} as const;

type Point = { name: string; kind: "ours" | "published"; value: number; low?: number; high?: number };

/** The AUC of each detector in one test with its interval, and as hollow diamonds the published ones of that set; null where no AUC is defined. */
export function comparisonChart(
  test: ComparedTest,
  { demo, width = defaultWidth }: ChartOptions,
): ChartSpec | null {
  const ours = test.inputs.flatMap((input): Point[] => {
    const value = inputEstimate(input, "auc");
    return value ? [{ name: input.input, kind: "ours", value: value.mean, ...barOf(input, value) }] : [];
  });
  if (ours.length === 0) return null;
  const figures = test.published.filter(({ metric }) => metric === "auc").toSorted((a, b) =>
    b.value - a.value
  );
  const names = figureNames(figures);
  const published = figures.map(({ value, upTo }, i): Point => ({
    name: names[i],
    kind: "published",
    value,
    ...(upTo === undefined ? {} : { low: value, high: upTo }),
  }));
  const narrow = isNarrow(width);
  const all = [...ours, ...published].map(({ name }) => name);
  const short = narrow ? twoLineNames(all, 0.4 * width) : shortNames(all, 0.46 * width);
  const values = [...ours, ...published].map((point) => ({ ...point, name: short(point.name) }));
  const inputs = ours.map(({ name }) => short(name));
  const hasSeeds = test.inputs.some(({ runs }) => runs);
  const bars = hasSeeds
    ? "Bars: ± standard deviation over seeds, else 95 % intervals"
    : "Bars: 95 % intervals";
  const subtitle = [
    `${bars}, bootstrap by ${drawnText([test])}`,
    ...(published.length > 0
      ? ["Hollow diamonds: published figures, * second-hand; how each stands to ours is in the table"]
      : []),
  ];
  const description = values.map(({ name, kind, value }) =>
    `${name.replace("\n", "")}${kind === "published" ? " (published)" : ""}: AUC ${value.toFixed(3)}.`
  ).join(" ");
  const scale = (range: readonly string[]) => ({ domain: inputs, range: cycle(range, inputs.length) });
  const color = { field: "name", type: "nominal" as const, legend: null, scale: scale(colours) };
  const only = (kind: Point["kind"]) => ({ filter: `datum.kind === '${kind}'` });
  const rule = { type: "rule" as const, strokeWidth: 1.5 };
  const ends = { x: { field: "low", type: "quantitative" as const }, x2: { field: "high" } };
  const bar = { filter: "isValid(datum.low)" };
  return {
    ...frame(`AUC at ${test.level} level: ${comparedName(test)}`, { demo, subtitle }, description),
    width: width - 30 - labelSpace(values.map(({ name }) => name)),
    height: { step: narrow ? 34 : 20 },
    data: { values },
    encoding: {
      y,
      x: {
        field: "value",
        type: "quantitative",
        title: "AUC (higher is better)",
        scale: { ...scaleOver(values.flatMap(({ value, low, high }) => [value, low, high])), zero: false },
        axis: { tickCount: narrow ? 3 : 5 },
      },
    },
    layer: [
      { transform: [only("ours"), bar], mark: { ...rule, opacity: 0.8 }, encoding: { ...ends, color } },
      { transform: [only("published"), bar], mark: { ...rule, color: grey }, encoding: ends },
      {
        transform: [only("ours")],
        mark: { type: "point", filled: true, size: 75, opacity: 1 },
        encoding: { color, shape: { ...color, scale: scale(shapes) } },
      },
      {
        transform: [only("published")],
        mark: {
          type: "point",
          shape: "diamond",
          filled: false,
          size: 90,
          strokeWidth: 1.8,
          color: grey,
          opacity: 1,
        },
      },
    ],
  };
}

/** The spread over seeds, cut where no AUC can be, or the interval of the only one. */
function barOf(
  { interval }: InputResult,
  { mean, sd }: Estimate,
): { low?: number; high?: number } {
  return sd === null ? interval ?? {} : { low: Math.max(mean - sd, 0), high: Math.min(mean + sd, 1) };
}

/** A name for each figure that no other one has. */
function figureNames(figures: readonly FigureBeside[]): string[] {
  const mark = ({ secondHand }: FigureBeside) => secondHand ? " *" : "";
  const names = figures.map(({ model, level }) =>
    `${model}, ${level === "unknown" ? "level unknown" : level}`
  );
  return names.map((name, i) => {
    const figure = figures[i];
    const alike = figures.filter((_, j) => j !== i && names[j] === name);
    if (alike.length === 0) return `${name}${mark(figure)}`;
    const { model, source, trainedOn } = figure;
    return alike.some((other) => other.source === source)
      ? `${name}, ${trainingText(trainedOn)}${mark(figure)}`
      : `${model}, ${source}${mark(figure)}`;
  });
}

/** The differences of AUC of each two detectors, with their intervals and a line at 0; null where there are none. */
export function differenceChart(
  tests: readonly ComparedTest[],
  { demo, width = defaultWidth }: ChartOptions,
): ChartSpec | null {
  const pairs = tests.flatMap((test) =>
    test.pairs.flatMap((pair) =>
      pair.difference === null ? [] : [{
        name: `${pair.first} − ${pair.second}${tests.length > 1 ? `, ${comparedName(test)}` : ""}`,
        parts: [pair.first, pair.second, ...(tests.length > 1 ? [comparedName(test)] : [])],
        value: pair.difference,
        ...quotedBootstrap(pair).interval,
      }]
    )
  );
  if (pairs.length === 0) return null;
  const narrow = isNarrow(width);
  const short = shortNames(
    pairs.flatMap(({ name, parts }) => (narrow ? parts : [name])),
    (narrow ? 0.4 : 0.46) * width,
  );
  const values = pairs.map(({ parts: [first, ...others], ...pair }) => ({
    ...pair,
    name: narrow ? [`${short(first)} −`, ...others.map(short)].join("\n") : short(pair.name),
  }));
  const ends = values.flatMap(({ value, ...rest }) => [value, ...Object.values(rest).filter(isNumber), 0]);
  const description = pairs.map(({ name, value, low, high }) =>
    `${name}: ${signed(value)}${low === undefined ? "" : `, 95 % ${signedRange({ low, high: high! })}`}.`
  ).join(" ");
  const subtitle = [`Bars: 95 % intervals, paired bootstrap by ${drawnText(tests)}`];
  return {
    ...frame("Differences of AUC", { demo, subtitle }, description),
    width: width - 30 - labelSpace(values.map(({ name }) => name)),
    height: { step: narrow ? 17 + 17 * (tests.length > 1 ? 2 : 1) : 22 },
    data: { values },
    encoding: {
      x: {
        field: "value",
        type: "quantitative",
        title: "first − second (above 0: the first ranks better)",
        scale: { ...scaleOver(ends), zero: false },
        axis: { tickCount: narrow ? 3 : 5 },
      },
    },
    layer: [
      { mark: { type: "rule", color: "black", strokeDash: [4, 3] }, encoding: { x: { datum: 0 } } },
      {
        transform: [{ filter: "isValid(datum.low)" }],
        mark: { type: "rule", strokeWidth: 1.8, color: colours[0] },
        encoding: { y, x: { field: "low", type: "quantitative" }, x2: { field: "high" } },
      },
      { mark: { type: "point", filled: true, size: 75, opacity: 1, color: colours[0] }, encoding: { y } },
    ],
  };
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}
