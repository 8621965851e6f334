/**
 * A benchmark of CLIP-based deepfake detection: what notebooks and other people import.
 *
 * Files → pixels → tokens → logits → metrics → report. Images are NHWC; B batch, N tokens (class token first), D width.
 * A function borrows its inputs and the caller owns what it returns.
 *
 * @example
 * ```ts
 * import { evaluateRun, resolveConfig, trainRun } from "./lib/mod.ts";
 *
 * const config = resolveConfig({ real: "faces/real", fake: "faces/fake", run: "first" });
 * for await (const event of trainRun(config)) if (event.type === "epoch") console.log(event.record);
 * const report = await evaluateRun(config);
 * console.log(report.results[0].metrics.auc);
 * ```
 *
 * @module
 */
export { type Backend, type BackendName, initBackend } from "./backend/start.ts";
export {
  demoDefaults,
  isDemo,
  presets,
  resolveConfig,
  type RunConfig,
  type RunInput,
} from "./runs/config.ts";
export { InputError } from "./base/errors.ts";

export { readSet } from "./data/layouts/mod.ts";
export type { SetReading, Video } from "./data/layouts/layout.ts";
export { findLeaks, type Leak } from "./data/audit/leaks.ts";
export { prepareVideos } from "./videos/prepare.ts";
export type { Coverage } from "./videos/coverage.ts";
export { inspectData, loadExperiment } from "./runs/experiment.ts";
export type { Inspection } from "./data/audit/inspect.ts";
export { inspectionChart, inspectionTables } from "./report/inspection.ts";
export { auditShortcuts, type Shortcut } from "./data/audit/shortcuts.ts";
export type { Sample, SampleList, SkippedFile, TestSet } from "./data/sample.ts";
export { readFolders } from "./data/folders.ts";
export { readManifest } from "./data/manifest.ts";
export { demoSets, writeDemoData } from "./data/demo/demo.ts";
export { decodeImage, loadImage } from "./images/image.ts";
export { epochOrder, imageBatches, splitByVideo } from "./data/order.ts";

export {
  bindClip,
  type Clip,
  type ClipConfig,
  clipMean,
  clipModels,
  clipStd,
  embed,
  encodeTokens,
  randomClip,
  toPixels,
} from "./model/encoders/clip.ts";
export { compileClip } from "./model/encoders/clip_graph.ts";
export type { CompiledTower, Encoder, EncoderPrecision, Precision, Tower } from "./model/encoders/encoder.ts";
export { choosePrecision, type PrecisionChoice } from "./model/encoders/precision.ts";
export { demoEncoder } from "./model/encoders/demo.ts";
export { clipWeights } from "./weights/download.ts";
export {
  bindForgeLens,
  createForgeLens,
  type ForgeLens,
  type ForgeLensConfig,
  forgeLensState,
  logits,
} from "./model/detectors/notebook_head.ts";
export {
  bindPaper,
  paperClsTokens,
  paperImage,
  paperLogit,
  type PaperModel,
} from "./model/detectors/published.ts";
export { dispose } from "./backend/tensors.ts";
export type { CheckpointValue } from "./weights/checkpoint.ts";
export type { TensorData } from "./weights/dtypes.ts";
export { loadCheckpoint, loadStateDict } from "./weights/load.ts";
export { savePth } from "./weights/pth.ts";
export { saveSafetensors } from "./weights/safetensors.ts";
export type { StateDict, StateTensor } from "./weights/state.ts";

export { bootstrapIntervals, type Interval, type Intervals } from "./metrics/bootstrap.ts";
export { evaluateRun, scoreSamples } from "./runs/evaluate.ts";
export type { RunEvent, RunEvent as TrainEvent } from "./runs/events.ts";
export { calibrationError, compareCalibration, shiftPrior } from "./metrics/calibration.ts";
export { evaluateScores, type Metrics } from "./metrics/evaluate.ts";
export { prCurve, rocCurve } from "./metrics/curves.ts";
export { adamW, type Optimizer, optimizerState } from "./training/optimizers.ts";
export { gradients, gradientsOf, trainStep } from "./training/eager.ts";
export { losses } from "./training/losses/mod.ts";
export type { Loss } from "./training/losses/loss.ts";
export type { EpochRecord, EvaluationResult, Prediction, RunReport } from "./report/report.ts";
export {
  type Attribution,
  attribution,
  patchMask,
  type Pointing,
  pointingGame,
} from "./model/detectors/attribution.ts";
export { encodeImages } from "./model/encoders/open.ts";
export type { Tap, Trunk } from "./model/features/trunk.ts";
export type { Detector, DetectorKind, Output, Scorer } from "./model/detectors/detector.ts";
export { openEncoder } from "./runs/encoder.ts";
export type { Experiment } from "./runs/experiment.ts";
export { reportCharts, reportHtml } from "./report/page.ts";
export { jpegChart } from "./report/charts/perturbation.ts";
export { metricsChart } from "./report/charts/metrics.ts";
export { displayable, displayBundle, renderChart } from "./report/render.ts";
export { confusionChart } from "./report/charts/confusion.ts";
export { prChart } from "./report/charts/precision_recall.ts";
export { rocChart } from "./report/charts/roc.ts";
export { scoreChart } from "./report/charts/scores.ts";
export { openSession, type Session } from "./runs/session.ts";
export {
  calibrationTable,
  dataTable,
  historyTable,
  intervalTable,
  referenceTable,
  resultsTable,
  type Table,
  tableMarkdown,
  tableText,
  thresholdTable,
} from "./report/tables.ts";
export { trainRun } from "./runs/train.ts";
export { classBalanceChart } from "./report/charts/class_balance.ts";
export { trainingChart } from "./report/charts/training.ts";

export {
  halfNormalised,
  neighbourEffect,
  orderEffect,
  readMessyFolder,
  repeatEffect,
  tokenDifference,
  trainVariant,
} from "./notebook/audit.ts";
export { accuracyChart, costChart, messyChart, orderChart, repeatChart } from "./notebook/audit_charts.ts";
export { liveOutput, show } from "./notebook/display.ts";
export { mistakesGrid, pointingView, sampleGrid } from "./notebook/gallery.ts";
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
  testAcross,
  type Tested,
  testValidation,
  testView,
  testWithin,
  writeReport,
} from "./notebook/testing.ts";
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
export { openTrainer, type Trainer } from "./training/trainer.ts";
