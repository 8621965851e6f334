/**
 * A trained run × perturbations → how far its detectors hold, in robustness.json, robustness.csv and robustness.html.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { InputError } from "../base/errors.ts";
import { checkWritable, exists, readJson, writeWhole } from "../base/files.ts";
import { unlockedNote } from "../base/owner.ts";
import type { TestSet } from "../data/sample.ts";
import { flip } from "../images/perturbations/flip.ts";
import { ladderNames, perturbationKinds } from "../images/perturbations/mod.ts";
import { byLevelOf, type Perturbation, perturbationName } from "../images/perturbations/perturbation.ts";
import { detectorTitle } from "../model/detectors/mod.ts";
import { describeEncoder } from "../model/encoders/open.ts";
import { measureRobustness, robustnessScores } from "../report/robustness/measure.ts";
import { robustnessHtml } from "../report/robustness/page.ts";
import {
  robustnessCsv,
  robustnessJson,
  type RobustnessReport,
  scoreDefinition,
} from "../report/robustness/robustness.ts";
import { cleanThreshold } from "./clean_threshold.ts";
import { resolveConfig, type RunConfig, type RunInput } from "./config/config.ts";
import { perturbationsOf } from "./config/perturbations.ts";
import { configFor, doubtsOf, openDetectors, readWeights, type TrainedDetector } from "./detectors.ts";
import type { RunTask } from "./events.ts";
import { type Experiment, loadExperiment } from "./experiment.ts";
import { progressOf, readRunConfig } from "./folder/folder.ts";
import { unfinishedDoubts } from "./folder/train_state.ts";
import { checkOwnData } from "./folder/own_data.ts";
import { ownResults, refuseResults } from "./folder/results_folder.ts";
import { trainedOn } from "./folder/trained_on.ts";
import { stopOnSignals } from "./interrupt.ts";
import { detectorsDigest, type ScoredStep, type ScoreStep, scoreSteps } from "./score_steps.ts";
import { imagesOfSets, scoredImage } from "./scored_test.ts";
import { openSession, type Session } from "./session.ts";

/** What a robustness run tests under unless told: every family and ladder but the mirror image, which takes nothing away. */
export const allLadders: readonly string[] = ladderNames.filter((name) => name !== flip.family);

/** What `testRobustness()` is given beside the run's folder. */
export type RobustnessOptions = RunTask & {
  /** How to run it: precision, backend, cache; `perturb` for some of the perturbations, `test` for further sets. */
  readonly given?: RunInput;
  /** Where the results go; `robustness` in the run's folder unless given. */
  readonly into?: string;
  /** Where the run's images have moved: `OLD=NEW`. */
  readonly root?: string;
  /** Scores and keeps the scores, without a report; several such calls may work in one folder. A call without it then goes on. */
  readonly scoresOnly?: boolean;
};

/**
 * Scores a run's own test set clean and under each perturbation, at the threshold that its clean validation images give, and
 * writes what that does to AUC, false and true positive rate; resolves to the report.
 *
 * Each perturbation's scores are kept in the folder as soon as they are there: stopped or killed, the same call goes on, and ends
 * with the same bytes.
 *
 * @throws {InputError} when there is no run or it has no weights, a perturbation is not known, the data are not those that it was
 * trained with, or another process works in the same folder.
 */
export async function testRobustness(
  folder: string,
  options: RobustnessOptions = {},
): Promise<RobustnessReport> {
  const { given = {}, into = join(folder, "robustness"), root, scoresOnly, report = () => {} } = options;
  const perturbations = inOrder(
    perturbationsOf({ jpegQualities: [], perturb: given.perturb ?? [...allLadders] }),
  );
  const place = { out: dirname(folder), run: basename(folder) };
  const own = await readRunConfig(folder);
  const { test = [], ...settings } = given;
  const input = { ...own, ...settings, ...place };
  const asked = resolveConfig(input);
  await checkOwnData(folder, asked);
  const weights = await readWeights(asked, { folder });
  const config = await configFor(weights, input);
  await refuseResults(into, { own: "robustness.json" });
  await checkWritable(into);
  using stop = stopOnSignals(options.signal);
  await using owner = scoresOnly ? undefined : await ownResults(into, { doing: "robustness" });
  const unlocked = owner && unlockedNote(into, owner);
  if (unlocked) report({ type: "warning", message: unlocked });
  const session = await openSession(config, {
    ...{ report, signal: stop.signal, kept: weights[0].card?.precision, testing: true },
    checkpoint: weights[0].dict,
    runFolder: { folder, tests: true, validation: true, root },
  });
  let detectors: readonly TrainedDetector[] = [];
  try {
    detectors = await openDetectors(weights, {
      config,
      encoder: session.encoder,
      report,
      signal: stop.signal,
    });
    const digest = detectorsDigest(detectors);
    const before = await earlierReport(into, digest);
    if (before !== undefined && !scoresOnly) {
      const message =
        `The report of ${before} perturbed tests in ${into} gives way to this one; their scores are kept.`;
      report({ type: "note", message });
    }
    const state = await progressOf(folder);
    const doubts = [...unfinishedDoubts(state, config), ...doubtsOf(detectors, { config, session })];
    for (const message of doubts) report({ type: "warning", message });
    const further = await furtherTests(folder, { config, test, report, signal: stop.signal });
    const tests = [...session.experiment.tests.filter(({ kind }) => kind === "within"), ...further.tests];
    if (tests.length === 0) {
      throw new InputError(
        `Cannot test the robustness of ${folder}: expected test images of the set that it was trained on but found none; name a set with --test NAME=REAL,FAKE`,
      );
    }
    const scored = await scoreSteps(planOf(session, { tests, perturbations }), detectors, {
      ...{ config, session, into, weights: digest, report, signal: stop.signal },
      digests: new Map([...session.experiment.digests, ...further.digests]),
    });
    const finished = makeReport(scored, {
      ...{ config, session, tests, seeds: detectors.length, weights: digest },
      warnings: [...doubts, ...further.warnings, ...unchanged(scored)],
    });
    if (!scoresOnly) await saveReport(into, finished, { report, signal: stop.signal });
    return finished;
  } finally {
    for (const each of detectors) each.close();
    session.close();
  }
}

/** By kind, and each kind's levels in its order, whichever ladders they are of. */
function inOrder(perturbations: readonly Perturbation[]): Perturbation[] {
  return perturbationKinds.flatMap((kind) => {
    const compare = byLevelOf(kind);
    return perturbations.filter((each) => each.kind === kind).sort((a, b) => compare(a.level, b.level));
  });
}

function planOf(
  { experiment }: Session,
  options: { readonly tests: readonly TestSet[]; readonly perturbations: readonly Perturbation[] },
): ScoreStep[] {
  const { tests, perturbations } = options;
  const validation: ScoreStep = { file: "validation.json", part: "validation", samples: experiment.val };
  return [
    ...(experiment.val.length > 0 ? [validation] : []),
    ...tests.flatMap((part, i) =>
      [undefined, ...perturbations].map((perturbation): ScoreStep => ({
        file: join(`test-${i + 1}`, `${perturbation ? perturbationName(perturbation) : "none"}.json`),
        ...{ part, samples: part.samples, perturbation },
      }))
    ),
  ];
}

function makeReport(
  scored: readonly ScoredStep[],
  options: {
    readonly config: RunConfig;
    readonly session: Session;
    readonly tests: readonly TestSet[];
    readonly seeds: number;
    readonly weights: string;
    readonly warnings: readonly string[];
  },
): RobustnessReport {
  const { config, session: { experiment, encoder, backend, warnings }, tests, seeds, weights } = options;
  const how = config.videoScore;
  const validation = scored.find(({ part }) => part === "validation");
  const threshold = cleanThreshold(
    imagesOfSets(validation?.samples ?? []),
    validation?.scored ?? Array.from({ length: seeds }, () => new Float64Array()),
    { how, by: config.thresholdBy },
  );
  const results = tests.flatMap((test) =>
    measureRobustness(
      { set: test.set, split: test.split, images: test.samples.map(scoredImage) },
      scored.filter(({ part }) => part === test).map(({ perturbation, scored }) => ({
        perturbation: perturbation ? perturbationName(perturbation) : "none",
        scored,
      })),
      { thresholds: threshold.values, how },
    )
  );
  const scores = robustnessScores(results);
  return {
    schemaVersion: 1,
    name: config.run ?? "run",
    demo: experiment.demo,
    head: detectorTitle(config.detector),
    encoder: describeEncoder(encoder),
    backend: { name: backend.name, device: backend.device, version: backend.version },
    weights,
    seeds,
    videoScore: how,
    threshold,
    definition: scoreDefinition(scores[0].level),
    scores,
    results,
    warnings: [...new Set([...warnings, ...options.warnings])],
  };
}

/**
 * How many perturbed tests the report has that is in a folder already; undefined without one.
 *
 * @throws {InputError} when it is of other weights, or cannot be read
 */
async function earlierReport(into: string, weights: string): Promise<number | undefined> {
  const file = join(into, "robustness.json");
  if (!(await exists(file))) return undefined;
  const earlier = await readJson(file, { expected: "a robustness report" }) as
    | Partial<RobustnessReport>
    | null;
  if (earlier?.weights !== weights) {
    throw new InputError(
      `Cannot write results to ${into}: expected its robustness.json to be of the same weights but found those of ${
        earlier?.name ?? "another run"
      }; name another --out, or remove it`,
    );
  }
  return earlier.results?.filter(({ perturbation, level }) => perturbation !== "none" && level !== "frame")
    .length ?? 0;
}

/** Perturbations that did nothing to any image of a test, such as a resize to the size that all have. */
function unchanged(scored: readonly ScoredStep[]): string[] {
  return scored.flatMap(({ part, perturbation, scored: found }) => {
    if (part === "validation" || !perturbation || perturbation.level === perturbation.kind.neutral) return [];
    const clean = scored.find((step) => step.part === part && !step.perturbation)!;
    const isSame = found.every((scores, seed) => scores.every((score, i) => score === clean.scored[seed][i]));
    return isSame
      ? [
        `${part.set} ${part.split}: under ${
          perturbationName(perturbation)
        } every score is the clean one; does it change nothing about images of their size? It counts in the robustness score.`,
      ]
      : [];
  });
}

/** All are made before the first is written, so that an interrupt leaves those that are there together. */
async function saveReport(
  into: string,
  finished: RobustnessReport,
  { report, signal }: Required<Pick<RunTask, "report" | "signal">>,
): Promise<void> {
  const files = {
    "robustness.csv": robustnessCsv(finished),
    "robustness.html": await robustnessHtml(finished, { signal }),
    "robustness.json": robustnessJson(finished),
  };
  for (const [name, text] of Object.entries(files)) await writeWhole(join(into, name), text);
  report({ type: "written", folder: into });
}

/** Sets that `test` names beside the run's own; what the run was trained with is no test. */
async function furtherTests(
  folder: string,
  options: Required<Pick<RunTask, "report" | "signal">> & {
    readonly config: RunConfig;
    readonly test: readonly string[];
  },
): Promise<Pick<Experiment, "tests" | "digests" | "warnings">> {
  const { config, test, report, signal } = options;
  if (test.length === 0) return { tests: [], digests: new Map(), warnings: [] };
  const named = { ...config, test: [...test], testReal: undefined, testFake: undefined };
  const experiment = await loadExperiment(named, { tests: true, report, signal });
  const seen = await trainedOn(folder, { experiment, allow: config.allowLeak, signal });
  for (const message of seen) report({ type: "warning", message });
  return { ...experiment, warnings: [...experiment.warnings, ...seen] };
}
