/**
 * Any detector's scores, from a CSV file → the same metrics, charts and report as a run's own.
 *
 * @module
 */
import { basename, dirname, extname, join } from "node:path";
import { takeBreath } from "../base/breath.ts";
import { fileSha256 } from "../base/checksum.ts";
import { InputError } from "../base/errors.ts";
import { checkWritable, exists } from "../base/files.ts";
import { unlockedNote } from "../base/owner.ts";
import { MOST_GROUPS, readScores, type ScoresFile } from "../data/scores_file.ts";
import type { ScoredItem, ScoreTest } from "../data/score_tests.ts";
import { splitNamed } from "../data/layouts/vocabulary.ts";
import { LEAST_GROUPS, tooFewGroups } from "../metrics/intervals/bootstrap.ts";
import type { VideoLevel } from "../metrics/levels.ts";
import { measureTest, personsOf, type ScoredImage } from "../report/measure.ts";
import { measureGroups } from "../report/measure_groups.ts";
import {
  type DataSummary,
  type EvaluationResult,
  type Prediction,
  type ScoreReport,
  testName,
} from "../report/report.ts";
import { saveResults } from "../report/results.ts";
import { parseMetricsJson } from "../report/schema.ts";
import type { RunEvent } from "./events.ts";
import { folderName, timeStamp } from "./folder/folder.ts";
import { ownResults, refuseResults } from "./folder/results_folder.ts";
import { stopOnSignals } from "./interrupt.ts";

/** How a file of scores is measured, and where its report goes. */
export type ScoreOptions = {
  /** What the report is called, and the set of rows that name none; the file's name without its ending unless given. */
  readonly name?: string;
  /** What gave the scores; the report's title unless `name` is given. */
  readonly detector?: string;
  /** The report's folder, which may not hold one; `<name>-report` beside the file unless given, with the time where that holds one. */
  readonly out?: string;
  /** Columns to measure fairness by, beside `group`, those that begin with `group_`, and AI-Face's demographic ones. */
  readonly groups?: readonly string[];
  /** From which score on an image or video counts as fake, in [0, 1]; 0.5 unless given. */
  readonly threshold?: number;
  /** How a video's score is made of its frames'; `mean` unless given. */
  readonly how?: VideoLevel;
  /** Whether the scores are logits, of which the sigmoid makes probabilities; false unless given. */
  readonly logits?: boolean;
  readonly onEvent?: (event: RunEvent) => void;
  readonly signal?: AbortSignal;
};

/**
 * Measures the scores that a CSV file has, test by test, and writes `metrics.json`, `results.csv` and `report.html`.
 *
 * The file has the columns `label` (0 or real, 1 or fake), `score` (probability of fake), and `path` or `video`; it may have `set`,
 * `split`, `method`, `perturbation`, `seed`, `persons` (names separated by `|`) and columns of groups. A run's `predictions.csv` is one.
 *
 * @throws {InputError} naming file, line and value, where the file is not such a one; or when the report cannot be written, or would
 * be written over another.
 *
 * @example
 * ```ts
 * import { scoreFile } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${root}/mine.csv`, "path,label,score\na.png,0,0.2\nb.png,1,0.1\nc.png,1,0.9\n");
 * const { results } = await scoreFile(`${root}/mine.csv`);
 * assertEquals(results.map(({ set, metrics }) => [set, metrics.auc]), [["mine", 0.5]]);
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function scoreFile(path: string, options: ScoreOptions = {}): Promise<ScoreReport> {
  const { detector, threshold = 0.5, how = "mean", logits = false } = options;
  if (!(threshold >= 0 && threshold <= 1)) {
    throw new InputError(
      `Cannot measure ${path}: expected a threshold in [0, 1] but found ${threshold}; with logits too it is on the probabilities`,
    );
  }
  using stop = stopOnSignals(options.signal);
  const report = options.onEvent ?? (() => {});
  const name = options.name ?? basename(path, extname(path));
  const folder = await newFolder(options.out, join(dirname(path), `${folderName(name)}-report`));
  await checkWritable(folder, { flag: "--out" });
  const read = await readScores(path, {
    ...{ set: name, groups: options.groups, logits, signal: stop.signal },
    onProgress: (done) => report({ type: "progress", task: `Reading ${path}`, unit: "rows", done, total: 0 }),
  });
  const scoresSha256 = await fileSha256(path); // by which what compares this report knows whether the file is the same
  const demoSets = await demoSetsOf(path);
  await using owner = await ownResults(folder, { doing: "score" });
  const unlocked = unlockedNote(folder, owner);
  if (unlocked) report({ type: "warning", message: unlocked });
  const results: EvaluationResult[] = [];
  for (const test of read.tests) {
    await takeBreath(stop.signal);
    const result = resultOf(test, { threshold, how, demo: demoSets.includes(test.set) });
    results.push(result);
    report({ type: "result", result });
  }
  const finished: ScoreReport = {
    schemaVersion: 1,
    name: options.name ?? detector ?? name,
    createdAt: new Date().toISOString(),
    demo: results.some(({ demo }) => demo),
    head: detector ?? "not named",
    config: {
      ...{ scores: path, scoresSha256, detector, threshold },
      ...{ videoScore: how, logits, groups: read.columns.groups },
    },
    data: summariesOf(read.tests),
    history: [],
    results,
    warnings: [
      ...read.warnings,
      ...unusedColumns(read),
      ...read.tests.flatMap((test, i) => [...warningsOf(results[i]), ...doubtsOf(test, results[i])]),
    ],
  };
  const predictions = read.tests.filter(({ perturbation }) => perturbation === "none").flatMap(predictionsOf);
  const written = await saveResults(folder, { report: finished, predictions, given: true }, {
    report,
    signal: stop.signal,
  });
  report({ type: "written", folder: written });
  return finished;
}

/** A folder that holds no report. */
async function newFolder(out: string | undefined, beside: string): Promise<string> {
  if (out !== undefined) {
    await refuseResults(out);
    return out;
  }
  return await exists(join(beside, "metrics.json")) ? `${beside}-${timeStamp()}` : beside;
}

/** The sets of demo data among a run's own predictions, which its report beside them tells; none of another file's. */
async function demoSetsOf(path: string): Promise<readonly string[]> {
  const report = join(dirname(path), "metrics.json");
  if (basename(path) !== "predictions.csv" || !(await exists(report))) return [];
  const { results } = parseMetricsJson(await Deno.readTextFile(report), { path: report });
  return results.filter(({ demo }) => demo).map(({ set }) => set);
}

function resultOf(
  test: ScoreTest,
  { threshold, how, demo }: {
    readonly threshold: number;
    readonly how: VideoLevel;
    readonly demo: boolean;
  },
): EvaluationResult {
  const { set, split, perturbation, items, scores, groups } = test;
  const isBrief = perturbation !== "none";
  const images = withPersons(items);
  const columns = isBrief ? [] : measureGroups(images, scores[0], { columns: groups, threshold, how });
  return {
    ...{ set, split, perturbation, kind: "unknown", demo },
    ...measureTest(images, scores, { threshold, how, isBrief }),
    groups: columns.length > 0 ? columns : undefined,
  };
}

/** Images with one name for all whose videos share a person. */
function withPersons(items: readonly ScoredItem[]): readonly ScoredImage[] {
  if (items.every(({ identities }) => identities === undefined)) return items;
  const persons = personsOf(items);
  return items.map(({ label, video, method }, i) => ({ label, video, method, persons: persons[i] }));
}

/** Images and videos by set and split, which each of its perturbations has. */
function summariesOf(tests: readonly ScoreTest[]): DataSummary[] {
  const first = new Map<string, ScoreTest>();
  for (const test of tests) {
    const key = `${test.set}\0${test.split}`;
    if (!first.has(key)) first.set(key, test);
  }
  return [...first.values()].map(({ set, split, items }) => {
    const fake = items.reduce((sum, { label }) => sum + label, 0);
    const videos = new Set(items.map(({ label, method, video }) => `${label}\0${method}\0${video}`)).size;
    return { set, split, real: items.length - fake, fake, videos, skipped: 0 };
  });
}

function unusedColumns({ columns: { unused }, largeColumns }: ScoresFile): string[] {
  return [
    ...largeColumns.map((name) => `The column ${name} is not used: it has more than ${MOST_GROUPS} groups.`),
    ...(unused.length === 0
      ? []
      : [`Columns that are not used: ${unused.join(", ")}; --group NAME compares groups by one.`]),
  ];
}

/** What a test's numbers may not be read without. */
function warningsOf(result: EvaluationResult): string[] {
  const { split, metrics: { real, fake }, intervals, drawnBy } = result;
  const name = testName(result);
  const few = intervals && tooFewGroups(name, intervals.groups, { drawnBy });
  return [
    ...(splitNamed(split) === "train"
      ? [`${name}: a detector that was trained on these images has seen them, so that this is no test of it.`]
      : []),
    ...(real === 0 || fake === 0
      ? [`${name}: all images are ${real === 0 ? "fake" : "real"}, so that it has no AUC, AP and EER.`]
      : []),
    ...(few === undefined ? [] : [few]),
  ];
}

/** What says that labels or scores may not be what they are taken for. */
function doubtsOf({ items, scores: [first] }: ScoreTest, result: EvaluationResult): string[] {
  const name = testName(result);
  const { metrics, intervals } = result.video ?? result;
  // Where every fake is below every real, no resample differs, and there is no interval.
  const isBelowChance = intervals?.auc
    ? intervals.auc.high < 0.5
    : metrics.auc === 0 && Math.min(metrics.real, metrics.fake) >= LEAST_GROUPS;
  const named = [0, 1].map((label) =>
    new Set(
      items.filter((item) => item.label === label && item.video !== item.path)
        .map(({ method, video }) => `${method}\0${video}`),
    )
  );
  const both = [...named[0]].filter((video) => named[1].has(video)).length;
  return [
    ...(isBelowChance
      ? [`${name}: its AUC is below chance: is 1 fake in the labels, and a higher score more likely fake?`]
      : []),
    ...(first.length > 1 && first.every((score) => score === first[0])
      ? [`${name}: all scores are ${first[0]}, which tells nothing apart.`]
      : []),
    ...(both > 0
      ? [
        `${name}: ${both} ${
          both === 1 ? "name is" : "names are"
        } of a real and of a fake video: each is taken for two videos; where they are one, correct its labels.`,
      ]
      : []),
  ];
}

/** The scores as the charts take them. */
function predictionsOf({ set, split, perturbation, items, scores }: ScoreTest): Prediction[] {
  return scores.flatMap((seed, run) =>
    items.map(({ label, path, video, method }, i): Prediction => ({
      ...{ set, split, perturbation, label, path, video, method },
      score: seed[i],
      run,
    }))
  );
}
