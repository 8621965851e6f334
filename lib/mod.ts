/**
 * A benchmark of CLIP-based deepfake detection: what notebooks and other people import.
 *
 * Files → pixels → tokens → logits → metrics → report. Images are NHWC; B batch, N tokens (class token first), D width.
 * A function borrows its inputs and the caller owns what it returns.
 *
 * @example
 * ```ts
 * import { evaluateRun, type RunInput, trainRun } from "@forgelens/bench";
 * import { assert, assertEquals } from "@std/assert";
 * import sharp from "sharp";
 *
 * const root = await Deno.makeTempDir();
 * for (const video of ["real/a", "real/b", "real/c", "fake/d", "fake/e", "fake/f"]) {
 *   await Deno.mkdir(`${root}/${video}`, { recursive: true });
 *   const noise = crypto.getRandomValues(new Uint8Array(32 * 32 * 3));
 *   await sharp(noise, { raw: { width: 32, height: 32, channels: 3 } }).toFile(`${root}/${video}/0.png`);
 * }
 * const folders = { real: `${root}/real`, fake: `${root}/fake`, out: root, run: "first" };
 * const config: RunInput = { ...folders, clip: "demo", epochs: 1, cache: false };
 * for await (const event of trainRun(config)) if (event.type === "epoch") assert(event.record.loss > 0);
 * const { results } = await evaluateRun(config);
 * assertEquals(results[0].metrics.n, 2);
 * await Deno.remove(root, { recursive: true });
 * ```
 *
 * @module
 */
export * from "./data/mod.ts";
export * from "./model/mod.ts";
export * from "./metrics/mod.ts";
export * from "./report/mod.ts";
export { InputError } from "./base/errors.ts";
export {
  alignFace,
  type AlignmentName,
  alignments,
  type AlignOptions,
  type FivePoints,
} from "./faces/align.ts";
export { type Landmarks68, openLandmarks68 } from "./faces/landmarks68.ts";
export type { Box } from "./images/box.ts";
export type { Ownership } from "./base/owner.ts";
export type { ShardOf } from "./base/shard.ts";
export type { TaskEvent, TaskOptions } from "./base/task.ts";
export { askAbout } from "./notebook/ask.ts";
export {
  halfNormalised,
  type MessyFolder,
  type NeighbourEffect,
  neighbourEffect,
  type OrderedScore,
  orderEffect,
  readMessyFolder,
  repeatEffect,
  tokenDifference,
  trainVariant,
  type Variant,
} from "./notebook/audit.ts";
export {
  type BenchmarkRun,
  compareRuns,
  runBenchmark,
  scoreCsv,
  type Scored,
  testPerturbed,
  writeMadeUpScores,
} from "./notebook/benchmark.ts";
export {
  benchmarkTable,
  comparisonView,
  foldersTable,
  robustnessView,
  scoreView,
  trainingTable,
} from "./notebook/benchmark_views.ts";
export { attentionView } from "./notebook/attention_view.ts";
export { type DiagramSizes, forgeLensDiagram } from "./notebook/diagram.ts";
export { accuracyChart, costChart, messyChart, orderChart, repeatChart } from "./notebook/audit_charts.ts";
export {
  type Bundle,
  type Display,
  type Fitting,
  type LiveOutput,
  liveOutput,
  show,
  type Showable,
} from "./notebook/display.ts";
export { mistakesGrid, pointingView, sampleGrid } from "./notebook/gallery.ts";
export type { Picture } from "./report/pictures.ts";
export {
  assemble,
  configure,
  type LoadedRun,
  reload,
  startBackend,
  train,
  type Trained,
  watch,
} from "./notebook/run.ts";
export {
  encoderTable,
  factsTable,
  filesTable,
  partsTable,
  planTable,
  settingsTable,
  skippedTable,
  weightsTable,
} from "./notebook/summary.ts";
export {
  testAcross,
  type Tested,
  testValidation,
  testView,
  testWithin,
  writeReport,
} from "./notebook/testing.ts";
export { demoDefaults, isDemo, resolveConfig, type RunConfig, type RunInput } from "./runs/config/config.ts";
export { presets } from "./runs/config/presets.ts";
export type { TrainedDetector } from "./runs/detectors.ts";
export type { ProbeBeside } from "./runs/probe.ts";
export { openEncoder } from "./runs/encoder.ts";
export { type EvaluateOptions, evaluateRun, scoreSamples } from "./runs/evaluate.ts";
export type { RunEvent, RunEvent as TrainEvent, RunTask } from "./runs/events.ts";
export { type Experiment, inspectData, loadExperiment } from "./runs/experiment.ts";
export type { CardedWeights, ClassScores, VerdictScores, WeightsCard } from "./runs/folder/card.ts";
export type { NumericsPrecision } from "./runs/folder/numerics.ts";
export { scoreFile, type ScoreOptions } from "./runs/score.ts";
export { openSession, type RunFolder, type Session } from "./runs/session.ts";
export { trainRun } from "./runs/train.ts";
export { compareScores } from "./runs/compare/compare.ts";
export type { Face } from "./faces/face.ts";
export { type FaceFinder, type FaceOptions, findFaces, openFaceFinder } from "./faces/find.ts";
export { gradients, gradientsOf, trainStep } from "./training/eager.ts";
export type { Engine, EngineName, TrainBatch } from "./training/engine.ts";
export type { Labels, Loss } from "./training/losses/loss.ts";
export { losses } from "./training/losses/mod.ts";
export {
  adamW,
  type AdamWConfig,
  type Optimizer,
  type OptimizerName,
  optimizerState,
} from "./training/optimizers.ts";
export { openTrainer, type Trainer, type TrainerOptions } from "./training/trainer.ts";
export type { Coverage, FacesCoverage } from "./videos/coverage.ts";
export { type PrepareOptions, prepareVideos } from "./videos/prepare.ts";
export type { FacesChoice } from "./videos/prepare_faces.ts";
