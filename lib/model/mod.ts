/**
 * Models: weight files → encoders and detectors on a tensor backend, pixels → tokens → logits.
 *
 * @example
 * ```ts
 * import { dispose, initBackend, loadStateDict, bindClip } from "@forgelens/bench/model";
 *
 * await initBackend();
 * const clip = bindClip(await loadStateDict("ViT-B-16.pt"), { activation: "quickgelu", attendAcross: "tokens" });
 * dispose(clip);
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
export {
  type Attribution,
  attribution,
  patchMask,
  type Pointing,
  pointingGame,
} from "./detectors/attribution.ts";
export type { Detector, DetectorKind, Output, Scorer } from "./detectors/detector.ts";
export {
  bindForgeLens,
  createForgeLens,
  type ForgeLens,
  type ForgeLensConfig,
  forgeLensState,
  logits,
} from "./detectors/notebook_head.ts";
export {
  bindPaper,
  type FaformerBlock,
  paperClsTokens,
  paperImage,
  paperLogit,
  type PaperModel,
  type Wsgm,
} from "./detectors/published.ts";
export {
  bindClip,
  type Clip,
  type ClipConfig,
  clipMean,
  clipModels,
  type ClipParams,
  clipStd,
  embed,
  encodeTokens,
  randomClip,
  toPixels,
} from "./encoders/clip.ts";
export { compileClip } from "./encoders/clip_graph.ts";
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
export type { FeatureCache } from "./features/cache.ts";
export type { Tap, Trunk } from "./features/trunk.ts";
export type { Attention, Linear, Norm, ResidualBlock } from "./layers.ts";
