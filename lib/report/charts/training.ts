/**
 * How training went → a Vega-Lite (v5) spec.
 *
 * @module
 */
import {
  type ChartOptions,
  type ChartSpec,
  colours,
  dashes,
  defaultWidth,
  frame,
  lineLegend,
  scaleOver,
} from "../style.ts";
import type { EpochRecord } from "../report.ts";

/** The loss around one point of training. */
export type StepLoss = {
  /** The index of the seed, from 0. */
  readonly run: number;
  /** Epochs since the start: 0.5 is the middle of the first. */
  readonly epoch: number;
  readonly loss: number;
};

/**
 * Training and validation loss by epoch, and validation AUC below where it was measured; one line per run.
 *
 * May be drawn before the first epoch is finished, and again after each.
 *
 * @param options.epochs how many there will be, for an axis that stays the same while training
 * @param options.steps the loss within the epochs, as a thin line
 *
 * @example
 * ```ts
 * import { renderChart, trainingChart } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const first = { run: 0, epoch: 1, step: 40, loss: 0.62, valAuc: 0.81, seconds: 12, best: true };
 * const { text } = await renderChart(trainingChart([first], { demo: false, epochs: 5 }));
 * assertStringIncludes(text, "training loss 0.6200 nats, validation AUC 0.8100");
 * ```
 */
export function trainingChart(
  history: readonly EpochRecord[],
  { demo, width = defaultWidth, epochs = 2, steps = [] }: ChartOptions & {
    epochs?: number;
    steps?: readonly StepLoss[];
  },
): ChartSpec {
  const losses = history.flatMap(({ run, epoch, loss, valLoss }) => [
    { run, epoch, series: "training", value: loss },
    ...(valLoss === undefined ? [] : [{ run, epoch, series: "validation", value: valLoss }]),
  ]);
  const kept = new Set([
    ...new Map(history.filter((each) => each.best).map((each) => [each.run, each])).values(),
  ]);
  const aucs = history.flatMap((each) =>
    each.valAuc === undefined ? [] : [{
      run: each.run,
      epoch: each.epoch,
      series: "validation",
      value: each.valAuc,
      kept: kept.has(each),
    }]
  );
  const last = history.at(-1);
  const from = steps.length > 0 ? 0 : 1;
  const to = Math.max(2, epochs, ...history.map((each) => each.epoch));
  const apart = Math.ceil((to - from) / 10);
  const x = {
    field: "epoch",
    type: "quantitative" as const,
    title: "epoch",
    axis: {
      values: Array.from({ length: Math.floor((to - from) / apart) + 1 }, (_, i) => from + i * apart),
      format: "d",
      grid: false,
    },
    scale: { domain: [from, to], nice: false, padding: 12 },
  };
  const series = {
    field: "series",
    type: "nominal",
    title: null,
    scale: { domain: ["training", "validation"], range: colours.slice(0, 2) },
    legend: lineLegend,
  } as const;
  const dash = { ...series, scale: { ...series.scale, range: dashes.slice(0, 2) } } as const;
  const inner = width - 90;
  const line = { type: "line", point: { filled: true, size: 45 } } as const;
  return {
    ...frame(
      "Training by epoch",
      { demo, subtitle: aucs.length > 0 ? "Diamond: the epoch that is kept" : "" },
      last
        ? `Epoch ${last.epoch} of run ${last.run + 1}: training loss ${last.loss.toFixed(4)} nats` +
          (last.valAuc === undefined ? "." : `, validation AUC ${last.valAuc.toFixed(4)}.`)
        : "No epoch is finished yet.",
    ),
    vconcat: [
      {
        width: inner,
        height: 180,
        encoding: {
          x,
          y: {
            field: "value",
            type: "quantitative",
            title: "cross-entropy (nats)",
            scale: scaleOver([...losses.map((each) => each.value), ...steps.map((each) => each.loss)]),
          },
          detail: { field: "run" },
        },
        layer: [
          ...(steps.length === 0 ? [] : [{
            data: { values: steps.map(({ run, epoch, loss }) => ({ run, epoch, value: loss })) },
            mark: { type: "line" as const, color: colours[0], strokeWidth: 1, opacity: 0.4 },
          }]),
          {
            data: { values: losses },
            mark: line,
            encoding: { color: series, strokeDash: dash },
          },
        ],
      },
      ...(aucs.length === 0 ? [] : [{
        width: inner,
        height: 150,
        data: { values: aucs },
        encoding: {
          x,
          y: {
            field: "value",
            type: "quantitative" as const,
            title: "validation AUC",
            scale: scaleOver(aucs.map((each) => each.value)),
          },
          color: series,
          detail: { field: "run" },
        },
        layer: [
          { mark: line, encoding: { strokeDash: dash } },
          {
            transform: [{ filter: "datum.kept" }],
            mark: {
              type: "point" as const,
              shape: "diamond",
              size: 190,
              filled: true,
              opacity: 1,
              color: "black",
            },
            encoding: { color: { value: "black" } },
          },
        ],
      }]),
    ],
  };
}
