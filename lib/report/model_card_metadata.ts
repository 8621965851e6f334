/**
 * What a model card says to machines: Hugging Face's metadata, with results as its `model-index` has them.
 *
 * @module
 */
import { dashed } from "../base/dashed.ts";
import { printable } from "../base/printable.ts";
import type { Metric } from "../metrics/metric.ts";
import { type MetricName, metrics } from "../metrics/metrics/mod.ts";
import { byLevel, estimate, type LevelledResult, metricsIn, type ScoreReport, testName } from "./report.ts";

/** The names of metrics at Hugging Face or in scikit-learn, where they have them. */
const hubMetrics: { readonly [Name in MetricName]?: string } = {
  auc: "roc_auc",
  ap: "average_precision",
  accuracy: "accuracy",
  precision: "precision",
  recall: "recall",
  f1: "f1",
  mcc: "matthews_correlation",
  brier: "brier_score",
};

/** OpenAI's models at Hugging Face, by the encoder's name in reports. */
const clipModels: Readonly<Record<string, string>> = {
  "CLIP ViT-B-16": "openai/clip-vit-base-patch16",
  "CLIP ViT-B-32": "openai/clip-vit-base-patch32",
  "CLIP ViT-L-14": "openai/clip-vit-large-patch14",
  "CLIP ViT-L-14-336": "openai/clip-vit-large-patch14-336",
};

/** Which of OpenAI's models the encoder is; undefined where it is another, or its weights are a file that was given. */
export function clipModelOf(
  { encoder = "", config }: Pick<ScoreReport, "encoder" | "config">,
): string | undefined {
  if (config.clipWeights !== undefined || config.randomClip === true) return undefined;
  return Object.entries(clipModels).find(([name]) => new RegExp(`^${name}(?![\\w@-])`).test(encoder))?.[1];
}

/** One result of `model-index`, as https://github.com/huggingface/hub-docs/blob/main/modelcard.md has it. */
export type IndexedResult = {
  readonly task: { readonly type: string; readonly name: string };
  readonly dataset: { readonly type: string; readonly name: string; readonly split?: string };
  readonly metrics: readonly { readonly type: string; readonly name: string; readonly value: number }[];
};

/** The header of a model card, by Hugging Face's keys. */
export type CardMetadata = {
  readonly license: string;
  readonly license_name: string;
  readonly library_name: string;
  readonly pipeline_tag: string;
  readonly base_model?: string;
  readonly tags: readonly string[];
  readonly datasets: readonly string[];
  readonly metrics: readonly string[];
  readonly "model-index": readonly { readonly name: string; readonly results: readonly IndexedResult[] }[];
};

/** The metadata of a report: the metrics of its table of results, at each level, in full precision. */
export function cardMetadata(report: ScoreReport): CardMetadata {
  const { name, data, results, demo } = report;
  const base = clipModelOf(report);
  const names = metricsIn(results).filter((metric) => metrics[metric].table === "results");
  const trained = data.filter(({ split }) => split === "train" || split === "val");
  return {
    license: "other",
    license_name: "not-chosen",
    library_name: "forgelens-bench",
    pipeline_tag: "image-classification",
    ...(base ? { base_model: base } : {}),
    tags: [
      ...["deepfake-detection", "face-forgery-detection"],
      ...(report.encoder?.startsWith("CLIP") ? ["clip"] : []),
      ...(demo ? ["demo"] : []),
    ],
    datasets: [...new Set(trained.map(({ set }) => identifier(set)))],
    metrics: names.map(hubMetric),
    "model-index": [{
      name: printable(name),
      results: results.map((result): IndexedResult => ({
        task: { type: "image-classification", name: "Deepfake detection" },
        dataset: {
          type: identifier(result.set),
          name: printable(testName(result)),
          ...(result.split ? { split: printable(result.split) } : {}),
        },
        metrics: byLevel([result]).flatMap((levelled) => measuredOf(levelled, names)),
      })),
    }],
  };
}

function measuredOf(result: LevelledResult, names: readonly MetricName[]): IndexedResult["metrics"] {
  return names.flatMap((name) => {
    const value = estimate(result, name);
    if (value === null) return [];
    const { title }: Metric = metrics[name];
    const seeds = value.sd === null ? "" : `, mean of ${result.runs!.length} runs`;
    return [{ type: hubMetric(name), name: `${title}, ${result.level} level${seeds}`, value: value.mean }];
  });
}

function hubMetric(name: MetricName): string {
  return hubMetrics[name] ?? dashed(name).replaceAll("-", "_");
}

/** A set's name as an id of a data set may be; those at Hugging Face are not looked up. */
function identifier(set: string): string {
  return set.replaceAll(/[^\w.-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "") || "unnamed";
}
