/**
 * Models: weight files → encoders and detectors on a tensor backend, pixels → tokens → logits.
 *
 * @example
 * ```ts
 * import { bindClip, encodeTokens, randomClip, toPixels } from "@forgelens/bench/model";
 * import { createForgeLens, dispose, initBackend, logits } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const clip = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
 * const head = createForgeLens({ dim: 64, heads: 8, depth: 2, feedForward: 256, dropout: 0.1 }, 0);
 * const tokens = encodeTokens(clip, toPixels([new Uint8Array(32 * 32 * 3)], 32)); // [1, 5, 64]
 * assertEquals(logits(head, tokens).shape, [1, 2]); // real, fake
 * dispose([clip, head, tokens]);
 * ```
 *
 * @module
 */
export type { Rounds } from "../backend/measure.ts";
export type { BackendKind, StartedBackend } from "../backend/backends/backend.ts";
export { type BackendName, backends } from "../backend/backends/mod.ts";
export { type Backend, initBackend } from "../backend/start.ts";
export { dispose } from "../backend/tensors.ts";
export type { Sample } from "../data/sample.ts";
export type { CheckpointValue } from "../weights/checkpoint.ts";
export { clipWeights, type OnProgress } from "../weights/download.ts";
export type { TensorData } from "../weights/dtypes.ts";
export { loadCheckpoint, loadStateDict } from "../weights/load.ts";
export { savePth } from "../weights/pth.ts";
export { saveSafetensors } from "../weights/safetensors.ts";
export type { StateDict, StateTensor } from "../weights/state.ts";
export type { BlockPass, Blocks, BlocksOptions } from "./blocks.ts";
export {
  type Attribution,
  attribution,
  patchMask,
  type Pointing,
  pointingGame,
} from "./detectors/attribution.ts";
export type {
  Detector,
  DetectorKind,
  Fitted,
  Output,
  Scorer,
  Stepped,
  TowerActivation,
  TrainedTower,
  Tuned,
} from "./detectors/detector.ts";
export { bindLnTuned } from "./detectors/ln_tuned.ts";
export { knnScores } from "./detectors/knn.ts";
export { type FeatureRows, fitLogistic, type LogisticFit } from "./detectors/logistic.ts";
export type { ForgeLensConfig } from "./detectors/head_shapes.ts";
export {
  bindForgeLens,
  createForgeLens,
  type ForgeLens,
  forgeLensState,
  headDetector,
  logits,
  type NotebookHead,
} from "./detectors/notebook_head.ts";
export { bindPublished } from "./detectors/published/bind_published.ts";
export type { FaformerBlock } from "./detectors/published/faformer.ts";
export { bindPaper, paperClsTokens, paperLogit, type PaperModel } from "./detectors/published/published.ts";
export {
  type Clip,
  type ClipConfig,
  clipMean,
  clipModels,
  type ClipParams,
  clipStd,
  embed,
  encodeTokens,
  toPixels,
} from "./encoders/clip.ts";
export { compileClip } from "./encoders/clip_graph.ts";
export { bindClip, randomClip } from "./encoders/clip_weights.ts";
export { clsAttention } from "./encoders/cls_attention.ts";
export { demoEncoder } from "./encoders/demo.ts";
export type {
  CompiledTower,
  Encoder,
  EncoderPrecision,
  Precision,
  PrecisionUsed,
  Rgb,
  Tower,
  TowerSettings,
} from "./encoders/encoder.ts";
export { type EncoderName, encoders } from "./encoders/mod.ts";
export { encodeImages } from "./encoders/open.ts";
export { choosePrecision, type PrecisionChoice } from "./encoders/precision.ts";
export type { EncoderUse, KeptPrecision } from "./encoders/precisions.ts";
export type { Matrix } from "./cholesky.ts";
export type { FeatureCache, KeptFeatures } from "./features/cache.ts";
export type { Tap, Trunk } from "./features/trunk.ts";
export type { Attention, Guidance, Linear, Norm, ResidualBlock } from "./layers.ts";
export { type MapKind, type MapSubject, meanMap, type PatchMap } from "./maps/map.ts";
export { mapKinds, type MapName } from "./maps/mod.ts";
export { type Trust, type TrustCurve, trustOf } from "./maps/trust.ts";
