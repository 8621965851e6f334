/**
 * The steps of a robustness run, each scored once and kept, so that a run that was stopped goes on.
 *
 * @module
 */
import { join } from "node:path";
import { takeBreath } from "../base/breath.ts";
import { sha256 } from "../base/checksum.ts";
import type { Sample, TestSet } from "../data/sample.ts";
import { type Perturbation, perturbationName } from "../images/perturbations/perturbation.ts";
import type { RunConfig } from "./config/config.ts";
import { type TrainedDetector, trunkOf } from "./detectors.ts";
import { scoreSamples } from "./evaluate.ts";
import type { RunTask } from "./events.ts";
import type { Experiment } from "./experiment.ts";
import { readScores, type ScoresKey, writeScores } from "./kept_scores.ts";
import type { Session } from "./session.ts";

/** One thing to score: the validation images, or a test under a perturbation. */
export type ScoreStep = {
  /** Where its scores are kept, below the results' folder. */
  readonly file: string;
  readonly part: "validation" | TestSet;
  readonly samples: readonly Sample[];
  readonly perturbation?: Perturbation;
};

/** A step with its scores: one array for each training seed. */
export type ScoredStep = ScoreStep & { readonly scored: readonly Float64Array[] };

/**
 * Scores each step that is not kept, and keeps its scores at once; each perturbation's are a file.
 *
 * @param options.into the folder that scores are kept below, which is the caller's
 * @param options.digests of the images' files, by path; a file that has none is read
 * @throws {Error} the signal's reason, or what the system says against a file
 */
export async function scoreSteps(
  plan: readonly ScoreStep[],
  detectors: readonly TrainedDetector[],
  options: Required<Pick<RunTask, "report" | "signal">> & {
    readonly config: RunConfig;
    readonly session: Session;
    readonly into: string;
    /** `detectorsDigest()` of the detectors. */
    readonly weights: string;
    readonly digests: Experiment["digests"];
  },
): Promise<ScoredStep[]> {
  const { config, session, into, weights, digests, report, signal } = options;
  const trunk = trunkOf(config, session.encoder);
  const { name, version, device } = session.backend;
  const shared = {
    weights,
    encoder: sha256(
      JSON.stringify([
        trunk.digest,
        name,
        version,
        device,
        config.batchSize,
        config.cache && trunk.isPerImage,
      ]),
      { digits: 32 },
    ),
  };
  const images = new Map<readonly Sample[], string>();
  const steps: (ScoreStep & { path: string; key: ScoresKey; scored?: Float64Array[] })[] = [];
  for (const step of plan) {
    const { file, samples, perturbation } = step;
    if (!images.has(samples)) images.set(samples, await imagesDigest(samples, digests));
    const path = join(into, "scores", file);
    const key = {
      ...shared,
      images: images.get(samples)!,
      perturbation: perturbation ? perturbationName(perturbation) : "none",
    };
    const scored = await readScores(path, key, { onNote: (message) => report({ type: "note", message }) });
    steps.push({ ...step, path, key, scored });
    await takeBreath(signal);
  }
  const open = steps.filter(({ scored }) => scored === undefined);
  if (open.length < steps.length) {
    const message = `Going on: the scores of ${
      steps.length - open.length
    } of ${steps.length} tests are in ${into}`;
    report({ type: "note", message });
  }
  const total = open.reduce((sum, { samples }) => sum + samples.length, 0);
  let before = 0;
  for (const step of open) {
    const { samples, perturbation, path, key } = step;
    step.scored = await scoreSamples(detectors, trunk, {
      ...{ samples, batchSize: config.batchSize, perturbation, signal },
      // One bar for all of them, so that the time left is that of the whole.
      report: (event) =>
        report(
          event.type === "progress"
            ? { ...event, task: "Testing the robustness", done: before + event.done, total }
            : event,
        ),
    });
    before += samples.length;
    await writeScores(path, key, step.scored);
    await takeBreath(signal);
  }
  return steps.map(({ scored, ...step }) => ({ ...step, scored: scored! }));
}

/** Changes when any image, its label, video or place does. */
async function imagesDigest(samples: readonly Sample[], digests: Experiment["digests"]): Promise<string> {
  const lines: string[] = [];
  for (const { path, label, video, source, method } of samples) {
    const digest = digests.get(path) ?? sha256(await Deno.readFile(path), { digits: 16 });
    lines.push(JSON.stringify([label, video, source ?? path, method, digest]));
  }
  return sha256(lines.map((line) => `${line}\n`), { digits: 32 });
}

/** Changes when any number of any seed's weights does. */
export function detectorsDigest(detectors: readonly TrainedDetector[]): string {
  return sha256(
    detectors.flatMap(({ source }) =>
      [...source!.dict].flatMap(([key, { dtype, shape, data }]) => [
        JSON.stringify([key, dtype, shape]),
        new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      ])
    ),
    { digits: 32 },
  );
}
