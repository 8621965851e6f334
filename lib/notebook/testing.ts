/**
 * A notebook's tests of a trained detector, one set at a time, and the report of them all: in the command line's own steps, so that
 * the same settings give the same numbers.
 *
 * @module
 */
import type { Perturbation } from "../images/perturbations/perturbation.ts";
import { perturbationsOf } from "../runs/config/perturbations.ts";
import { doubtsOf } from "../runs/detectors.ts";
import { reportGallery } from "../runs/gallery.ts";
import { makeReport, testDetectors } from "../runs/evaluate.ts";
import type { TestSet } from "../data/sample.ts";
import { type Experiment, loadExperiment } from "../runs/experiment.ts";
import { charts, chartSource } from "../report/charts/mod.ts";
import type { EvaluationResult, Prediction, RunReport } from "../report/report.ts";
import { writeResults } from "../report/results.ts";
import { ownResults } from "../runs/folder/results_folder.ts";
import type { Session } from "../runs/session.ts";
import { escapeMarkdown, type Table } from "../report/table.ts";
import { probeTable } from "../report/tables/probe.ts";
import { abreast, halfWidth } from "./abreast.ts";
import type { Display, Showable } from "./display.ts";
import { configure, inOneLine, type LoadedRun, watch } from "./run.ts";

/** Results and predictions of the tests of one set; none where no folders are named for it. */
export type Tested = {
  readonly set: string;
  readonly demo: boolean;
  readonly test?: TestSet;
  readonly results: readonly EvaluationResult[];
  readonly predictions: readonly Prediction[];
  /** Of a set that was read for this test: its images, and what a reader must know of them. */
  readonly read?: Pick<Experiment, "data" | "warnings">;
};

/** Tests on the validation images, which chose the epoch. */
export async function testValidation(
  loaded: LoadedRun,
  options: { readonly display?: Display } = {},
): Promise<Tested> {
  const { experiment } = loaded.session;
  const set = experiment.tests[0].set;
  if (experiment.val.length === 0) return { set, demo: experiment.demo, results: [], predictions: [] };
  const test: TestSet = { set, split: "val", kind: "within", samples: experiment.val };
  return await runTests(loaded, { test, ...options });
}

/**
 * Tests within the data set that was trained on: its test folders, or the share that was held out; under perturbations alone
 * where any are named.
 *
 * @param options.jpegQualities 1 to 100, and
 * @param options.perturb families or single perturbations, both as in the configuration
 * @throws {InputError} for a perturbation that there is none of
 */
export async function testWithin(
  loaded: LoadedRun,
  options: {
    readonly jpegQualities?: readonly number[];
    readonly perturb?: readonly string[];
    readonly display?: Display;
  } = {},
): Promise<Tested> {
  const { jpegQualities, perturb, display } = options;
  const test = loaded.session.experiment.tests.find(({ kind }) => kind === "within")!;
  const perturbed = jpegQualities || perturb
    ? inOneLine(() => perturbationsOf({ jpegQualities: jpegQualities ?? [], perturb: perturb ?? [] }))
    : undefined;
  return await runTests(loaded, { test, perturbed, display });
}

/**
 * Tests on another data set; with both paths blank, on the demo set that stands in for it when training was on the demo
 * data too, else not at all.
 */
export async function testAcross(
  loaded: LoadedRun,
  options: {
    readonly set: string;
    readonly real: string;
    readonly fake: string;
    readonly demoSet: string;
    readonly display?: Display;
  },
): Promise<Tested> {
  const { set, real, fake, demoSet, display } = options;
  const { experiment } = loaded.session;
  if (real === "" && fake === "") {
    const test = experiment.demo ? experiment.tests.find((each) => each.set === demoSet) : undefined;
    if (!test) return { set, demo: experiment.demo, results: [], predictions: [] };
    return await runTests(loaded, { test, display });
  }
  const { set: own, ...config } = loaded.config;
  const named = configure({
    ...config,
    set: own === set ? `${own}-trained` : own,
    testReal: undefined,
    testFake: undefined,
    test: [`${set}=${real},${fake}`],
  });
  const read = await watch((options) => loadExperiment(named, { ...options, tests: true }), { display });
  const { tests: [test], data, warnings } = read;
  return { ...await runTests(loaded, { test, display }), read: { data, warnings } };
}

async function runTests(
  loaded: LoadedRun,
  options: {
    readonly test: TestSet;
    /** What is done to the images, a test each; one test of the images as they are unless given. */
    readonly perturbed?: readonly Perturbation[];
    readonly display?: Display;
  },
): Promise<Tested> {
  const { test, perturbed = [undefined], display } = options;
  const { detectors, session, config } = loaded;
  return await watch(async ({ report, signal }) => {
    const results: EvaluationResult[] = [];
    const predictions: Prediction[] = [];
    for (const perturbation of perturbed) {
      const tested = await testDetectors(detectors, session, { config, test, perturbation, report, signal });
      results.push(tested.result);
      for (const each of tested.predictions) predictions.push(each); // too many for a call's arguments
    }
    return { set: test.set, demo: session.experiment.demo, test, results, predictions };
  }, { display });
}

/**
 * What one set's test is shown as: metrics, those beside the run's linear probe, ROC beside precision-recall, confusion beside scores; a
 * sentence where nothing was tested.
 */
export function testView(tested: Tested, table: (results: readonly EvaluationResult[]) => Table): Showable[] {
  if (tested.results.length === 0) {
    return [
      `**Not tested on ${
        escapeMarkdown(tested.set)
      }:** fill in its two folders above and run this cell again.`,
    ];
  }
  const { results, predictions, demo } = tested;
  const source = chartSource({ results, history: [], data: [] }, predictions);
  const options = { demo, width: halfWidth };
  const drawn = (["roc", "precisionRecall", "confusion", "scores"] as const).map((name) =>
    charts[name](source, options)
  );
  const beside = probeTable(results);
  return [table(results), ...(beside ? [beside] : []), ...abreast(...drawn)];
}

/**
 * Writes the run's metrics.json, predictions.csv, history.csv and report.html, as the command line does, from tests in its
 * order: within, perturbed, across.
 */
export async function writeReport(loaded: LoadedRun, tested: readonly Tested[]): Promise<RunReport> {
  const { config, history, folder, detectors } = loaded;
  const read = tested.flatMap((each) => each.read ?? []);
  const { experiment, warnings } = loaded.session;
  const session: Session = {
    ...loaded.session,
    experiment: { ...experiment, data: [...experiment.data, ...read.flatMap(({ data }) => data)] },
    warnings: [...warnings, ...read.flatMap(({ warnings }) => warnings)],
  };
  const results = tested.flatMap((each) => each.results);
  const predictions = tested.flatMap((each) => each.predictions);
  const doubts = doubtsOf(detectors, { config, session });
  const report = makeReport(config, { session, history, results, doubts, detectors });
  const { test } = tested.find((each) => each.test) ?? {};
  const gallery = await reportGallery(detectors, session, { config, test, results, predictions });
  await using _owner = await ownResults(folder);
  await writeResults(folder, { report, predictions, gallery });
  return report;
}
