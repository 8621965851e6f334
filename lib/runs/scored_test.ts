/**
 * A test's samples and their scores → its result and its predictions.
 *
 * @module
 */
import { type Sample, setNames, type TestSet } from "../data/sample.ts";
import { type MeasureOptions, measureTest, personsOf, type ScoredImage } from "../report/measure.ts";
import type { EvaluationResult, Prediction } from "../report/report.ts";

/** A test's result; brief where it is perturbed. */
export function resultOf(
  test: TestSet,
  options: MeasureOptions & {
    /** `scoredImages()` of its samples. */
    readonly images: readonly ScoredImage[];
    readonly perturbation: string;
    readonly scored: readonly Float64Array[];
    readonly demo: boolean;
  },
): EvaluationResult {
  const { images, perturbation, scored, demo } = options;
  const { set, split } = test;
  const isBrief = perturbation !== "none";
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
  options: {
    /** `scoredImages()` of its samples. */
    readonly images: readonly ScoredImage[];
    readonly perturbation: string;
    readonly scored: readonly Float64Array[];
  },
): Prediction[] {
  return options.scored.flatMap((scores, run) =>
    test.samples.map((sample, i): Prediction => {
      const { label, video, method = "", persons } = options.images[i];
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
        ...(persons === undefined ? {} : { persons }),
      };
    })
  );
}

/** What a test's measures know of an image. */
export function scoredImage({ label, video, source, path, method }: Sample): ScoredImage {
  return { label, video: video ?? source ?? path, method };
}

/** What they know of images together that may be of several sets: a video's name then says of which. */
export function imagesOfSets(samples: readonly Sample[]): ScoredImage[] {
  const images = samples.map(scoredImage);
  if (setNames(samples).length < 2) return images;
  return images.map((image, i) => ({ ...image, video: `${samples[i].set}/${image.video}` }));
}

/** What they know of all images of a test, in their order: whose videos share persons too. */
export function scoredImages(samples: readonly Sample[]): ScoredImage[] {
  const images = samples.map((sample) => ({ ...scoredImage(sample), identities: sample.identities }));
  const persons = personsOf(images);
  return images.map(({ label, video, method }, i) => ({ label, video, method, persons: persons[i] }));
}
