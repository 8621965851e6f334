/**
 * The table of a robustness run.
 *
 * @module
 */
import {
  quotedResults,
  type RobustnessRateName,
  type RobustnessReport,
  type RobustnessResult,
  thresholdSentence,
} from "../robustness/robustness.ts";
import { perturbationKinds } from "../../images/perturbations/mod.ts";
import type { Table } from "../table.ts";
import { type Column, count, estimateCell, signedEstimateCell, tableOf } from "./column.ts";

/** The title of a family of perturbations: `JPEG` for `jpeg`. */
export function familyTitle(family: string): string {
  return perturbationKinds.find((kind) => kind.family === family)?.title ?? family;
}

/** Each test clean and under every perturbation: AUC, false and true positive rate at the fixed threshold, and their drift. */
export function robustnessTable(report: RobustnessReport): Table {
  const { results, demo, seeds } = report;
  const rows = quotedResults(results);
  const frames = new Map(
    results.filter(({ level }) => level === "frame").map((result) => [placeOf(result), result]),
  );
  const rate = (name: string, rate: RobustnessRateName): Column<RobustnessResult> => ({
    name,
    align: "right",
    value: (row) => estimateCell(row[rate]),
  });
  const drift = (name: string, rate: RobustnessRateName): Column<RobustnessResult> => ({
    name,
    align: "right",
    value: (row) => row.perturbation === "none" ? "" : signedEstimateCell(row.drift[rate]),
  });
  const test: Column<RobustnessResult> = {
    name: "Test",
    align: "left",
    value: ({ set, split }) => `${set} ${split}`,
  };
  const frameAuc: Column<RobustnessResult> = {
    name: "Frame AUC",
    align: "right",
    value: (row) => estimateCell(frames.get(placeOf(row))?.auc ?? null),
  };
  const hasVideos = frames.size > 0;
  const columns: Column<RobustnessResult>[] = [
    ...(report.scores.length > 1 ? [test] : []),
    {
      name: "Perturbation",
      align: "left",
      value: ({ perturbation }) => perturbation === "none" ? "none (clean)" : perturbation,
    },
    rate(hasVideos ? "Video AUC" : "AUC", "auc"),
    drift("AUC drift", "auc"),
    ...(hasVideos ? [frameAuc] : []),
    rate("FPR", "falsePositiveRate"),
    drift("FPR drift", "falsePositiveRate"),
    rate("TPR", "truePositiveRate"),
    drift("TPR drift", "truePositiveRate"),
  ];
  const tested = report.scores.map(({ set, split }) => {
    const { level, real, fake } = rows.find((row) => row.set === set && row.split === split)!;
    return `${set} ${split}: ${count(real)} real and ${count(fake)} fake ${level}s.`;
  });
  return tableOf({
    title: "Robustness",
    demo,
    columns,
    rows,
    notes: [
      ...scoreLines(report),
      `${
        thresholdSentence(report.threshold)
      } FPR: the share of reals called fake. TPR: the share of fakes called fake. Drift: what a rate is above the clean one.`,
      tested.join(" "),
      ...(seeds > 1 ? [`Mean ± standard deviation over ${seeds} training seeds.`] : []),
    ],
  });
}

/** The score of each test with its parts, and last what a score is. */
function scoreLines({ scores, definition }: RobustnessReport): string[] {
  const lines = scores.map(({ set, split, score, worst, families }) => {
    const parts = families.map(({ family, auc, levels }) =>
      `${familyTitle(family)} ${estimateCell(auc)} (${levels} level${levels === 1 ? "" : "s"})`
    );
    const test = scores.length > 1 ? ` of ${set} ${split}` : "";
    return `Robustness score${test} ${estimateCell(score)}${
      worst === null || families.length === 1 ? "" : `, worst family ${familyTitle(worst)}`
    }: ${parts.join(", ")}.`;
  });
  return [...lines, definition];
}

function placeOf({ set, split, perturbation }: RobustnessResult): string {
  return JSON.stringify([set, split, perturbation]);
}
