/**
 * The table of means over the sets that are tested on together.
 *
 * @module
 */
import { type DataSummary, type Estimate, estimate, type EvaluationResult, meanAndSd } from "../report.ts";
import { type PublishedFigure, publishedFigures } from "../published.ts";
import type { Table } from "../table.ts";
import { count, decimals, estimateCell, isOfDemo, tableOf } from "./column.ts";

type Row = {
  readonly model: string;
  readonly sets: string;
  readonly accuracy: string;
  readonly ap: string;
  readonly trainedOn: string;
  readonly source: string;
};

/** Layouts of which each generator is a test, and what is published of their means. */
const published: Readonly<Record<string, readonly PublishedFigure[]>> = {
  "universal-fake-detect": publishedFigures.filter(({ set }) => set === "UniversalFakeDetect"),
  genimage: [],
};

/**
 * Accuracy and AP as means over the sets of UniversalFakeDetect or GenImage, each set counting alike, with the published means
 * below; null where there are no such sets.
 *
 * @param data tells which tests are sets of one
 */
export function setMeansTable(
  results: readonly EvaluationResult[],
  data: readonly DataSummary[],
): Table | null {
  const groups = groupsOf(results, data);
  if (groups.length === 0) return null;
  const rows = groups.flatMap(({ name, layout, members }) => [
    {
      model: `${name}, ours`,
      sets: count(members.length),
      accuracy: estimateCell(macroMean(members, "accuracy")),
      ap: estimateCell(macroMean(members, "ap")),
      trainedOn: "as this report says",
      source: "",
    },
    ...publishedRows(published[layout]),
  ]);
  const hasPublished = groups.some(({ layout }) => published[layout].length > 0);
  return tableOf<Row>({
    title: "Means over sets",
    demo: isOfDemo(results),
    columns: [
      { name: "Model", align: "left", value: ({ model }) => model },
      { name: "Sets", align: "right", value: ({ sets }) => sets },
      { name: "Accuracy", align: "right", value: ({ accuracy }) => accuracy },
      { name: "AP", align: "right", value: ({ ap }) => ap },
      { name: "Trained on", align: "left", value: ({ trainedOn }) => trainedOn },
      { name: "Source", align: "left", value: ({ source }) => source },
    ],
    rows,
    notes: [
      "Means of the sets' own accuracies at the threshold and APs, of images, each set counting alike.",
      ...(hasPublished
        ? [
          "Published means are over UniversalFakeDetect's 19 sets, and of other images, preparations and thresholds where their authors had such; second-hand: read in what others say, not in the source. UnivFD and ForgeLens are trained on ProGAN images, not on faces.",
        ]
        : []),
    ],
  });
}

type Group = {
  readonly name: string;
  readonly layout: string;
  readonly members: readonly EvaluationResult[];
};

/** The unperturbed tests of several sets `name/generator` that were read in one of these layouts, by `name`. */
function groupsOf(results: readonly EvaluationResult[], data: readonly DataSummary[]): Group[] {
  const layouts = new Map(data.map(({ set, layout }) => [set, layout]));
  const groups = new Map<string, { name: string; layout: string; members: EvaluationResult[] }>();
  for (const result of results) {
    const layout = layouts.get(result.set);
    const end = result.set.lastIndexOf("/");
    if (layout === undefined || !(layout in published) || end < 0 || result.perturbation !== "none") continue;
    const name = result.set.slice(0, end);
    const group = groups.get(name) ?? { name, layout, members: [] };
    group.members.push(result);
    groups.set(name, group);
  }
  return [...groups.values()].filter(({ members }) => members.length > 1);
}

/** Of several runs the mean over sets of each, as mean ± sd; null where it is not known of every set. */
function macroMean(members: readonly EvaluationResult[], metric: "accuracy" | "ap"): Estimate | null {
  const runs = members.map((result) =>
    result.runs && result.runs.length > 0 ? result.runs : [result.metrics]
  );
  if (members.some((result) => estimate(result, metric) === null)) return null;
  return meanAndSd(
    runs[0].map((_, run) => runs.reduce((sum, each) => sum + each[run][metric]!, 0) / runs.length),
  );
}

function publishedRows(figures: readonly PublishedFigure[]): Row[] {
  const models = [...new Set(figures.map(({ model }) => model))];
  return models.map((model) => {
    const own = figures.filter((figure) => figure.model === model);
    const value = (metric: PublishedFigure["metric"]) =>
      decimals(own.find((figure) => figure.metric === metric)?.value ?? null);
    const [{ source, secondHand, trainedOn, read }] = own;
    return {
      model,
      sets: "19",
      accuracy: value("accuracy"),
      ap: value("ap"),
      trainedOn: trainedOn?.set ?? "not known",
      source: [source, secondHand ? "second-hand" : undefined, `read ${read}`].filter((text) =>
        text !== undefined
      ).join("; "),
    };
  });
}
