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
export { type Backend, type BackendName, initBackend } from "./backend.ts";
export { demoDefaults, isDemo, presets, resolveConfig, type RunConfig, type RunInput } from "./config.ts";
export { InputError } from "./errors.ts";

export { readSet } from "./data/layouts.ts";
export type { SetReading, Video } from "./data/layout_videos.ts";
export { findLeaks, type Leak } from "./data/leaks.ts";
export { type Coverage, prepareVideos } from "./data/video.ts";
export { inspectData, loadExperiment } from "./bench/experiment.ts";
export { type Inspection, inspectionChart, inspectionTables } from "./bench/inspect.ts";
export { auditShortcuts, type Shortcut } from "./bench/shortcuts.ts";
export { readFolders, readManifest, type Sample, type SampleList, type SkippedFile } from "./data/dataset.ts";
export { demoSets, writeDemoData } from "./data/demo.ts";
export { decodeImage, loadImage } from "./data/image.ts";
export { epochOrder, imageBatches, splitByVideo } from "./data/sampling.ts";

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
} from "./model/clip.ts";
export { choosePrecision, compileClip, type CompiledClip, type Precision } from "./model/compile.ts";
export { demoEncoder } from "./model/demo_encoder.ts";
export { clipWeights } from "./model/download.ts";
export {
  bindForgeLens,
  createForgeLens,
  type ForgeLens,
  type ForgeLensConfig,
  forgeLensState,
  logits,
} from "./model/forgelens.ts";
export { bindPaper, paperClsTokens, paperImage, paperLogit, type PaperModel } from "./model/paper.ts";
export { dispose } from "./model/tensors.ts";
export { loadStateDict, savePth, saveSafetensors, type StateDict } from "./model/weights.ts";

export { bootstrapIntervals, type Interval, type Intervals } from "./bench/bootstrap.ts";
export { evaluateRun, scoreSamples } from "./bench/evaluate.ts";
export type { RunEvent, RunEvent as TrainEvent } from "./bench/events.ts";
export {
  calibrationError,
  compareCalibration,
  evaluateScores,
  type Metrics,
  prCurve,
  rocCurve,
  shiftPrior,
} from "./bench/metrics.ts";
export {
  adamW,
  crossEntropy,
  gradients,
  type Optimizer,
  optimizerState,
  trainStep,
} from "./bench/optimizer.ts";
export type { EpochRecord, EvaluationResult, Prediction, RunReport } from "./bench/report.ts";
export { openSession, type Session } from "./bench/session.ts";
export { trainRun } from "./bench/train.ts";
export { createTrainer, type Trainer } from "./bench/trainer.ts";
