/**
 * Images of each class → a Vega-Lite (v5) spec.
 *
 * @module
 */
import {
  type ChartOptions,
  type ChartSpec,
  classScale,
  defaultWidth,
  frame,
  grey,
  isNarrow,
  labelSpace,
  setRows,
  shortNames,
} from "../style.ts";
import { type DataSummary, testName } from "../report.ts";

/**
 * Images of each class by set and split.
 *
 * @example
 * ```ts
 * import { classBalanceChart, renderChart } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const train = { set: "faces", split: "train", real: 700, fake: 2800, videos: 350, skipped: 2 };
 * const { text } = await renderChart(classBalanceChart([train], { demo: false }));
 * assertStringIncludes(text, "faces train: 700 real, 2800 fake");
 * ```
 */
export function classBalanceChart(
  data: readonly DataSummary[],
  { demo, width = defaultWidth }: ChartOptions,
): ChartSpec {
  const full = (each: DataSummary) => testName({ ...each, perturbation: "none" });
  const short = shortNames(data.map(full), 0.4 * width);
  const name = (each: DataSummary) => short(full(each));
  const values = data.flatMap((each) => [
    { set: name(each), label: "real", images: each.real },
    { set: name(each), label: "fake", images: each.fake },
  ]);
  const most = Math.max(1, ...values.map((each) => each.images));
  const x = {
    field: "images",
    type: "quantitative" as const,
    title: "images",
    axis: { format: ",d", tickMinStep: 1, tickCount: isNarrow(width) ? 3 : 5 },
    scale: { domain: [0, most * 1.15], nice: false },
  };
  if (data.length === 0) {
    throw new Error("Cannot draw the class balance: expected at least one split but found none");
  }
  return {
    ...frame(
      "Class balance",
      { demo },
      data.map((each) => `${each.set} ${each.split}: ${each.real} real, ${each.fake} fake.`).join(" "),
    ),
    width: width - 20 - labelSpace(values.map((each) => each.set)),
    height: { step: 17 },
    data: { values },
    encoding: {
      y: setRows(),
      yOffset: { field: "label", type: "nominal", sort: classScale.domain },
      x,
    },
    layer: [
      {
        mark: { type: "bar" },
        encoding: { color: { field: "label", type: "nominal", title: null, scale: classScale } },
      },
      {
        mark: { type: "text", align: "left", dx: 4, fontSize: 11, color: grey },
        encoding: { text: { field: "images", format: ",d" } },
      },
    ],
  };
}
