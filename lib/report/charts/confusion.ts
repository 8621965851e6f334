/**
 * Confusion matrices → a Vega-Lite (v5) spec.
 *
 * @module
 */
import {
  bySet,
  type ChartOptions,
  type ChartSpec,
  classScale,
  defaultWidth,
  frame,
  shortNames,
} from "../style.ts";
import { type EvaluationResult, testName } from "../report.ts";

/** Of text on the pale cells, which stay pale on a dark page: no colour that follows the page. */
const darkest = "#10151a";

/**
 * Confusion matrices of the unperturbed tests: counts, and shares of the true class.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { confusionChart, renderChart } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * const { text } = await renderChart(confusionChart([{ ...test, metrics }], { demo: false }));
 * assertStringIncludes(text, "of 2 reals 1 called fake, of 2 fakes 1 called real");
 * ```
 */
export function confusionChart(
  results: readonly EvaluationResult[],
  { demo, width = defaultWidth }: ChartOptions,
): ChartSpec {
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
  const ink = { condition: { test: "datum.share > 0.7", value: "white" }, value: darkest } as const;
  const thresholds = [...new Set(shown.map((result) => result.metrics.threshold))].join(", ");
  const first = shown.some(({ runs = [] }) => runs.length > 1) ? ["Of the first run"] : [];
  const subtitle = [...first, `Counts, and shares of the true class; fake from a score of ${thresholds}`];
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
