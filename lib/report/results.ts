/**
 * The files of a finished test: metrics.json, results.csv, predictions.csv, history.csv, report.html.
 *
 * @module
 */
import { join } from "node:path";
import { takeBreath } from "../base/breath.ts";
import { exists, writeWhole } from "../base/files.ts";
import type { TaskOptions } from "../base/task.ts";
import type { Gallery } from "./gallery.ts";
import { isFitted } from "../model/detectors/mod.ts";
import { modelCard } from "./model_card.ts";
import { reportHtml } from "./page.ts";
import { historyCsv, metricsJson, type Prediction, predictionsCsv, type ScoreReport } from "./report.ts";
import { resultsCsv } from "./results_csv.ts";
import { tensorboardFiles } from "./tensorboard.ts";

/** A report, the scores behind it, and the images that its page shows. */
export type Results = {
  readonly report: ScoreReport;
  readonly predictions: readonly Prediction[];
  /** None unless given. */
  readonly gallery?: readonly Gallery[];
  /** Whether the predictions are in a file of the user's, so that neither they nor a history are written; false unless given. */
  readonly given?: boolean;
};

/** By their paths within the folder, in the order in which they are written. */
type Files = Readonly<Record<string, string | Uint8Array>>;

/**
 * Writes `metrics.json`, `results.csv`, `predictions.csv`, `history.csv` and `report.html` into a folder; all are made before the
 * first is written, so that an interrupt leaves those that are there together. Where the folder holds a run's weights, their card,
 * `MODEL_CARD.md`, and the run's training in `tensorboard` are written too.
 *
 * @throws {Error} the signal's reason, or what the system says against a file
 */
export async function writeResults(
  folder: string,
  results: Results,
  { signal }: Pick<TaskOptions, "signal"> = {},
): Promise<void> {
  await writeFiles(folder, await filesOf(results, { folder, signal }));
}

async function filesOf(
  { report, predictions, gallery, given = false }: Results,
  { folder, signal }: { readonly folder: string; readonly signal?: AbortSignal },
): Promise<Files> {
  const files = {
    ...(given ? {} : {
      "predictions.csv": predictionsCsv(predictions),
      "history.csv": historyCsv(report.history),
    }),
    "results.csv": resultsCsv(report.results),
    ...(await isOfRun(report, folder) ? runFiles(report) : {}),
    "report.html": await reportHtml(report, { predictions, gallery, signal }),
    "metrics.json": metricsJson(report),
  };
  await takeBreath(signal);
  return files;
}

/** Whether a folder holds the weights that a report is of: what is of these stands beside them, not beside every test of them. */
async function isOfRun({ history, head }: ScoreReport, folder: string): Promise<boolean> {
  return (history.length > 0 || isFitted(head)) && await exists(join(folder, "model.safetensors"));
}

function runFiles(report: ScoreReport): Files {
  return { "MODEL_CARD.md": modelCard(report), ...tensorboardFiles(report) };
}

async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) await writeWhole(join(folder, name), content);
}

/**
 * As `writeResults()`, but where the folder takes no files, into a new temporary one, with a warning; resolves to the folder.
 *
 * @throws {Error} when neither takes them
 */
export async function saveResults(
  folder: string,
  results: Results,
  { report, signal }: Pick<TaskOptions, "report" | "signal">,
): Promise<string> {
  const files = await filesOf(results, { folder, signal });
  try {
    await writeFiles(folder, files);
    return folder;
  } catch (error) {
    const elsewhere = await Deno.makeTempDir({ prefix: "forgelens-results-" }).catch(() => undefined);
    if (elsewhere === undefined) throw error;
    try {
      await writeFiles(elsewhere, files);
    } catch {
      await Deno.remove(elsewhere, { recursive: true }).catch(() => {});
      throw error;
    }
    const { message } = error as Error;
    report?.({
      type: "warning",
      message: `${message}. The results are in ${elsewhere} instead; move them from there`,
    });
    return elsewhere;
  }
}
