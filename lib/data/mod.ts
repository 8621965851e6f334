/**
 * Data: folders, lists and distributed layouts → samples in splits, the audits of them, and images as Pillow and torchvision give them.
 *
 * @example
 * ```ts
 * import { readSet } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempDir();
 * for (const name of ["real", "fake"]) {
 *   await Deno.mkdir(`${path}/${name}`);
 *   await Deno.writeTextFile(`${path}/${name}/${name}.mp4`, "not opened here");
 * }
 * const { kind, videos } = await readSet({ name: "faces", path });
 * assertEquals([kind, videos.length], ["folders", 2]);
 * await Deno.remove(path, { recursive: true });
 * ```
 *
 * @module
 */
export type { ImageFacts } from "../images/facts.ts";
export { tiledCrop } from "../images/fits/crop.ts";
export type { CropPart, FitKind } from "../images/fits/fit.ts";
export { type Fit, fits } from "../images/fits/mod.ts";
export { decodeImage, type DecodeOptions, loadImage } from "../images/image.ts";
export { type Change, perturb } from "../images/perturbations/perturb.ts";
export type { Draw, Perturbation, PerturbationKind } from "../images/perturbations/perturbation.ts";
export type { Resizing, RgbImage } from "../images/resize.ts";
export type { CompareOptions } from "./audit/copies.ts";
export type { CountRow, Inspection, SetSummary } from "./audit/inspect.ts";
export type { FaceSettings, PrepareSettings } from "./prepared.ts";
export { findLeaks, type Leak, type Part } from "./audit/leaks.ts";
export { auditShortcuts, type Shortcut, type ShortcutName, shortcutNames } from "./audit/shortcuts.ts";
export { type DemoPart, demoSets, writeDemoData } from "./demo/demo.ts";
export type { DemoData } from "./demo/folder.ts";
export { type FolderOptions, readFolders } from "./folders.ts";
export type { Selection, SetReading, Shortage, Video } from "./layouts/layout.ts";
export { type LayoutName, layouts, readSet, type SetSource } from "./layouts/mod.ts";
export { type VideosChoice, videosChoices } from "./layouts/vocabulary.ts";
export { type ManifestOptions, readManifest } from "./manifest.ts";
export { type Drawing, epochOrder } from "./epoch.ts";
export { type ImageBatch, imageBatches, splitByVideo } from "./order.ts";
export type { Sample, SampleList, SkippedFile, TestSet } from "./sample.ts";
export { type JoinedNames, namesIn, type ScanOptions } from "./scan.ts";
export type { Groups } from "../base/groups.ts";
