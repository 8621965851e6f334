/**
 * Facts of a run as tables: settings, encoder, weights, files.
 *
 * @module
 */
import { join } from "node:path";
import type { Detector, Scorer } from "../model/detectors/detector.ts";
import { detectors, detectorTitle } from "../model/detectors/mod.ts";
import type { Encoder, Tower } from "../model/encoders/encoder.ts";
import { createDetector } from "../runs/detectors.ts";
import type { Experiment } from "../runs/experiment.ts";
import type { Table } from "../report/table.ts";
import { isDemo, type RunConfig } from "../runs/config/config.ts";
import type { SkippedFile } from "../data/sample.ts";
import type { Trained } from "./run.ts";

/** The settings that decide a run, and where its images come from. */
export function settingsTable(config: RunConfig): Table {
  const images = isDemo(config)
    ? "the demo data: procedural faces, which say nothing about real ones"
    : [config.data ?? config.manifest ?? `${config.real} and ${config.fake}`, ...config.also].join(" with ");
  const by = config.selectBy === "auc" ? "AUC" : "loss";
  return facts("Settings", [
    ["images", images],
    ["preset", config.preset],
    ["detector", detectors[config.detector].about],
    ["epochs", `${config.epochs}`],
    ["batch size", `${config.batchSize}`],
    ["learning rate", `${config.learningRate}`],
    ["epoch that is kept", config.select === "best" ? `the best by validation ${by}` : "the last"],
    ["sampling", samplingOf(config)],
    ["seed", `${config.seed}`],
    ["training runs", `${config.runs}`],
  ]);
}

function samplingOf({ balance, also }: RunConfig): string {
  if (also.length === 0) {
    return balance ? "real and fake, and each method, equally often" : "every image once";
  }
  const within = balance ? ", and within each real and fake, and each method, equally often" : "";
  return `of each set as many as its size times its weight says${within}`;
}

/** The frozen encoder's name and shape. */
export function encoderTable(encoder: Tower): Table {
  const { input: { size }, sizes: { width, layers, heads, patchSize, tokens, prefix } } = encoder;
  const { activation, attendAcross } = encoder.settings;
  return {
    ...facts("Encoder", [
      ["weights", encoder.name],
      ["image", `${size} × ${size} pixels in patches of ${patchSize} × ${patchSize}`],
      ["tokens", `${prefix} class token and ${tokens - prefix} patch tokens of width ${width}`],
      ["blocks", `${layers} with ${heads} heads`],
      ["activation", activation],
      ["attention", attendAcross === "tokens" ? "across the tokens of an image" : "across the batch"],
    ]),
    notes: encoder.warning ? [encoder.warning] : [],
  };
}

/** The trainable weights below a prefix of their PyTorch keys, with shapes and counts. */
export function weightsTable(model: Pick<Detector, "weights">, prefix: string): Table {
  const weights = [...model.weights].filter(([key]) => key.startsWith(prefix));
  const total = weights.reduce((sum, [, { size }]) => sum + size, 0);
  return {
    title: `Weights of ${prefix}`,
    columns: [{ name: "Key", align: "left" }, { name: "Shape", align: "right" }, {
      name: "Numbers",
      align: "right",
    }],
    rows: weights.map(([key, { shape, size }]) => [key, shape.join(" × "), size.toLocaleString("en-US")]),
    notes: [`${total.toLocaleString("en-US")} numbers, trained from random values.`],
  };
}

/** How many trainable numbers each part of a head has. */
export function partsTable(model: Pick<Scorer, "state">): Table {
  const weights = [...model.state()];
  const parts = ["wsgm", "faformer", "cls_head"].map((part) => {
    const size = weights.filter(([key]) => key.startsWith(`${part}.`))
      .reduce((sum, [, { data }]) => sum + data.length, 0);
    return [part, size.toLocaleString("en-US")] as const;
  });
  return facts("Trainable numbers of the notebook head", parts);
}

/** Facts as a table with two columns. */
export function factsTable(title: string, values: Readonly<Record<string, string | number>>): Table {
  const text = (value: string | number) =>
    typeof value === "string" ? value : Number.isInteger(value) ? `${value}` : value.toPrecision(4);
  return facts(title, Object.entries(values).map(([name, value]) => [name, text(value)] as const));
}

/** What training will do. */
export function planTable(
  config: RunConfig,
  parts: { readonly data: Experiment; readonly encoder: Encoder },
): Table {
  const { data, encoder } = parts;
  const steps = Math.ceil(data.train.length / config.batchSize);
  const detector = createDetector(config, { encoder, seed: config.seed });
  const weights = [...detector.weights.values()].reduce((sum, { size }) => sum + size, 0);
  detector.close();
  const optimizer = config.optimizer === "adamw" ? "AdamW" : "Adam";
  return facts("Training plan", [
    ["detector", detectorTitle(config.detector)],
    ["trainable numbers", weights.toLocaleString("en-US")],
    ["optimizer", `${optimizer}, learning rate ${config.learningRate}, weight decay ${config.weightDecay}`],
    ...config.schedule !== "constant" || config.warmup > 0
      ? [["schedule", `${config.schedule}, warm-up of ${config.warmup} steps`] as const]
      : [],
    ...config.accumulate > 1 ? [["batches a step", `${config.accumulate}`] as const] : [],
    ...config.clipGradients === undefined ? [] : [["greatest gradient", `${config.clipGradients}`] as const],
    ["loss", config.loss],
    ...config.augment.length > 0
      ? [["augmentation", `${config.augment.join(", ")}, on ${config.augmentShare} of the images`] as const]
      : [],
    ["images an epoch", data.train.length.toLocaleString("en-US")],
    ["steps", `${config.epochs} epochs of ${steps} steps, ${config.batchSize} images each`],
  ]);
}

/** The files that a run has written, with their sizes. */
export async function filesTable(trained: Trained): Promise<Table> {
  const files = (await Array.fromAsync(Deno.readDir(trained.folder))).map(({ name }) => name).sort();
  const about: Record<string, string> = {
    "model.safetensors": "weights of the kept epoch, under PyTorch's names",
    "model.pth": "the same as PyTorch's own file",
    "config.json": "every setting",
    "state.json": "epochs and their losses",
  };
  const rows = await Promise.all(files.map(async (name) => {
    const { size } = await Deno.stat(join(trained.folder, name));
    return [
      name,
      size < 1e6 ? `${(size / 1e3).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`,
      about[name] ?? "",
    ];
  }));
  return {
    title: `Saved in ${trained.folder}`,
    columns: [{ name: "File", align: "left" }, { name: "Size", align: "right" }, {
      name: "What",
      align: "left",
    }],
    rows,
    notes: [],
  };
}

/** The files that are not used and why, at most 20; null where all are. */
export function skippedTable(skipped: readonly SkippedFile[]): Table | null {
  if (skipped.length === 0) return null;
  const more = skipped.length > 20 ? [`And ${skipped.length - 20} more.`] : [];
  return {
    title: `Skipped files: ${skipped.length}`,
    columns: [{ name: "File", align: "left" }, { name: "Why", align: "left" }],
    rows: skipped.slice(0, 20).map(({ path, reason }) => [path.split("/").slice(-2).join("/"), reason]),
    notes: more,
  };
}

function facts(title: string, rows: readonly (readonly [string, string])[]): Table {
  return {
    title,
    columns: [{ name: "What", align: "left" }, { name: "Value", align: "left" }],
    rows,
    notes: [],
  };
}
