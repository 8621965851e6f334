/**
 * The demo tower's training curve: a CSV file, and a chart.
 *
 * @module
 */
import { csvRows, csvText } from "../../lib/base/csv.ts";
import { type ChartSpec, colours, dashes, frame } from "../../lib/report/style.ts";

const columns = [
  "step",
  "images",
  "learning_rate",
  "loss",
  "patch",
  "cls",
  "kind",
  "accuracy",
  "norm",
  "demo",
  "shift_a",
  "shift_b",
  "mean_demo",
  "mean_shift_a",
  "mean_shift_b",
] as const;

/**
 * At step 0 probes alone. Means over the steps since the last point: the loss and its parts, the class head's accuracy, the norm of all gradients; where
 * there was a probe, AUCs over images of the class token and of the mean token.
 */
export type CurvePoint = Readonly<Record<typeof columns[number], number | undefined>>;

/** The curve as CSV. */
export function curveText(points: readonly CurvePoint[]): string {
  const rounded = points.map((point) =>
    Object.fromEntries(columns.map((key) => [key, point[key] && Number(point[key].toPrecision(5))]))
  );
  return csvText(rounded, { columns });
}

/** The curve of a CSV file. */
export async function readCurve(path: string): Promise<CurvePoint[]> {
  const points: CurvePoint[] = [];
  for await (const { values } of csvRows(path, { columns, what: "the training curve" })) {
    const point = columns.map((key) => [key, values[key] === "" ? undefined : Number(values[key])]);
    points.push(Object.fromEntries(point) as CurvePoint);
  }
  return points;
}

/** The loss above, the AUC of the class token's probes below. */
export function curveChart(points: readonly CurvePoint[]): ChartSpec {
  const last = points.at(-1);
  const tests = { demo: "demo", shift_a: "demo-shift-a", shift_b: "demo-shift-b" } as const;
  const probes = points.flatMap((point) =>
    Object.entries(tests).flatMap(([key, test]) => {
      const auc = point[key as keyof typeof tests];
      return auc === undefined ? [] : [{ images: point.images, test, auc }];
    })
  );
  const series = { field: "test", type: "nominal", title: null, sort: null } as const;
  const x = { field: "images", type: "quantitative", axis: { format: "~s" } } as const;
  return {
    ...frame(
      "Training the demo tower",
      {
        demo: false,
        subtitle: "Loss on edited faces, and linear probes of the class token on the demo data",
      },
      last ? `Loss ${last.loss?.toFixed(3)} after ${last.images} images.` : "Nothing is trained yet.",
    ),
    resolve: { scale: { x: "shared" } },
    vconcat: [
      {
        width: 480,
        height: 150,
        data: {
          values: points.filter(({ loss }) => loss !== undefined).map(({ images, loss }) => ({
            images,
            loss,
          })),
        },
        mark: { type: "line", color: colours[0] },
        encoding: {
          x: { ...x, title: null },
          y: { field: "loss", type: "quantitative", title: "loss", scale: { zero: false } },
        },
      },
      {
        width: 480,
        height: 170,
        data: { values: probes },
        mark: { type: "line", point: { filled: true, size: 45 } },
        encoding: {
          x: { ...x, title: "images seen" },
          y: { field: "auc", type: "quantitative", title: "AUC over images", scale: { zero: false } },
          color: { ...series, scale: { domain: Object.values(tests), range: colours.slice(0, 3) } },
          strokeDash: { ...series, scale: { domain: Object.values(tests), range: dashes.slice(0, 3) } },
        },
      },
    ],
  };
}
