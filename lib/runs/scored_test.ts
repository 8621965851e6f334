/**
 * A test's samples and their scores → its result and its predictions.
 *
 * @module
 */
import type { Sample, TestSet } from "../data/sample.ts";
import { type MeasureOptions, measureTest, personsOf, type ScoredImage } from "../report/measure.ts";
import type { EvaluationResult, Prediction } from "../report/report.ts";

/** A test's result; brief where it is perturbed. */
export function resultOf(
  test: TestSet,
  options: MeasureOptions & {
    readonly perturbation: string;
    readonly scored: readonly Float64Array[];
    readonly demo: boolean;
  },
): EvaluationResult {
  const { perturbation, scored, demo } = options;
  const { set, split } = test;
  const isBrief = perturbation !== "none";
  const persons = personsOfSamples(test.samples);
  const images = test.samples.map((sample, i) => ({ ...scoredImage(sample), persons: persons[i] }));
  return {
    set,
    split,
    perturbation,
    kind: isBrief ? "perturbed" : test.kind,
    demo,
    ...measureTest(images, scored, { ...options, isBrief }),
  };
}

/** The lines of a test in predictions.csv: each run's, in the order of its samples. */
export function predictionsOf(
  test: TestSet,
  options: { readonly perturbation: string; readonly scored: readonly Float64Array[] },
): Prediction[] {
  const persons = personsOfSamples(test.samples);
  return options.scored.flatMap((scores, run) =>
    test.samples.map((sample, i): Prediction => {
      const { label, video, method = "" } = scoredImage(sample);
      return {
        set: test.set,
        split: test.split,
        perturbation: options.perturbation,
        video,
        method,
        label,
        score: scores[i],
        path: sample.source ?? sample.path,
        run,
        ...(persons[i] === undefined ? {} : { persons: persons[i] }),
      };
    })
  );
}

/** What a test's measures know of an image. */
export function scoredImage({ label, video, source, path, method }: Sample): ScoredImage {
  return { label, video: video ?? source ?? path, method };
}

function personsOfSamples(samples: readonly Sample[]): (string | undefined)[] {
  return personsOf(samples.map((sample) => ({ ...scoredImage(sample), identities: sample.identities })));
}
