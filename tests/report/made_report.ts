/**
 * Reports as a run would leave them, with numbers that a formula gives.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { TopLevelSpec } from "vega-lite";
import { bootstrapIntervals } from "../../lib/metrics/intervals/bootstrap.ts";
import { compareCalibration } from "../../lib/metrics/calibration.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import type { EpochRecord, EvaluationResult, Prediction, RunReport } from "../../lib/report/report.ts";
import type { Table } from "../../lib/report/table.ts";

export type MadeTest = {
  set: string;
  kind: "within" | "cross";
  perturbations: string[];
  real: number;
  fake: number;
};
const tests: MadeTest[] = [
  { set: "first", kind: "within", perturbations: ["none", "jpeg-90", "jpeg-30"], real: 30, fake: 50 },
  { set: "second", kind: "cross", perturbations: ["none"], real: 20, fake: 20 },
];

/** A whole report with its predictions; scores overlap more in later runs, so that runs differ. */
export function makeReport(
  { demo = false, runs = 1, sets = tests }: { demo?: boolean; runs?: number; sets?: MadeTest[] } = {},
): { report: RunReport; predictions: Prediction[] } {
  const predictions: Prediction[] = [];
  const results: EvaluationResult[] = [];
  for (const { set, kind, perturbations, real, fake } of sets) {
    for (const perturbation of perturbations) {
      const byRun = Array.from(
        { length: runs },
        (_, run) =>
          Array.from({ length: real + fake }, (_, i): Prediction => {
            const label = i < real ? 0 : 1;
            const spread = ((i * 37 + run * 11) % 100) / 100;
            return {
              set,
              split: "test",
              perturbation,
              video: `video ${i >> 2}`,
              method: label ? "blend" : "",
              label,
              score: 0.7 * spread + 0.3 * label,
              path: `${label ? "fake" : "real"}/${i}.png`,
              run,
            };
          }),
      );
      predictions.push(...byRun.flat());
      const measured = byRun.map((all) => evaluateScores(all.map((p) => p.label), all.map((p) => p.score)));
      const labels = byRun[0].map((p) => p.label);
      const scores = byRun[0].map((p) => p.score);
      results.push({
        set,
        split: "test",
        perturbation,
        kind: perturbation === "none" ? kind : "perturbed",
        demo,
        metrics: measured[0],
        intervals: bootstrapIntervals(labels, scores, { groups: byRun[0].map((p) => p.video), samples: 50 }),
        calibration: compareCalibration(labels, scores),
        ...(runs > 1 ? { runs: measured } : {}),
      });
    }
  }
  const history: EpochRecord[] = Array.from({ length: runs * 3 }, (_, i) => ({
    run: Math.floor(i / 3),
    epoch: i % 3 + 1,
    step: (i % 3 + 1) * 10,
    loss: 0.7 / (i % 3 + 1),
    valLoss: 0.72 / (i % 3 + 1),
    valAuc: 0.6 + 0.1 * (i % 3),
    seconds: 1.5,
    best: true,
  }));
  const report: RunReport = {
    schemaVersion: 1,
    name: "run-1",
    createdAt: "2025-01-02T03:04:05.000Z",
    preset: "corrected",
    demo,
    head: "notebook head",
    encoder: "CLIP ViT-B-16",
    config: { seed: 1, train: { real: "reals", fake: "fakes" } },
    backend: { name: "tensorflow", device: "CPU", version: "2.21.0" },
    data: sets.map(({ set, real, fake }) => ({ set, split: "test", real, fake, videos: 20, skipped: 1 })),
    history,
    results,
    warnings: ["1 file was skipped"],
  };
  return { report, predictions };
}

/** A result as good as the reference's counts need, with no scores behind it. */
export function resultWithCounts(
  real: number,
  fake: number,
  perturbation: string,
  demo: boolean,
): EvaluationResult {
  const labels = Array.from({ length: real + fake }, (_, i) => i < real ? 0 : 1);
  const metrics = evaluateScores(labels, labels.map((label, i) => (label + (i % 7) / 7) / 2));
  return {
    set: "ours",
    split: "test",
    perturbation,
    kind: perturbation === "none" ? "within" : "perturbed",
    demo,
    metrics,
  };
}

/** The title that a chart shows. */
export function titleOf(spec: TopLevelSpec): string {
  return (spec.title as { text: string }).text;
}

/** The cells of a column, from its name. */
export function column(table: Table, name: string): string[] {
  const index = table.columns.findIndex((each) => each.name === name);
  assert(index >= 0, `no column ${name} in ${table.title}`);
  return table.rows.map((row) => row[index]);
}
