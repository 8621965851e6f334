/**
 * A robustness report of few videos whose numbers can be counted by hand.
 *
 * @module
 */
import type { ScoredImage } from "../../../lib/report/measure.ts";
import { measureRobustness, robustnessScores } from "../../../lib/report/robustness/measure.ts";
import { type RobustnessReport, scoreDefinition } from "../../../lib/report/robustness/robustness.ts";

/** Two real videos and two fake ones, of two frames each. */
export const images: readonly ScoredImage[] = ["anna", "ben", "cleo", "dora"].flatMap((video, i) =>
  [0, 1].map(() => ({ label: i < 2 ? 0 as const : 1 as const, video, method: i < 2 ? "real" : "swap" }))
);

/** The videos' scores of each perturbation; both frames have it. */
export const videos = {
  "none": [0.1, 0.2, 0.8, 0.9], // AUC 1
  "jpeg-90": [0.1, 0.6, 0.8, 0.4], // three of four pairs in order: 0.75
  "jpeg-30": [0.7, 0.6, 0.4, 0.3], // none: 0
  "brightness-0.9": [0.1, 0.6, 0.8, 0.4], // 0.75
  "brightness-1": [0.1, 0.2, 0.8, 0.9], // changes nothing
  "brightness-1.1": [0.1, 0.2, 0.8, 0.9], // 1
} as const;

/** Each frame's scores, one array for each of `seeds` seeds; the second seed's perturbed ones are the clean ones. */
function framesOf(perturbation: keyof typeof videos, seeds: number): Float64Array[] {
  return Array.from({ length: seeds }, (_, seed) =>
    Float64Array.from(
      videos[seed === 0 ? perturbation : "none"].flatMap((score) => [score, score]),
    ));
}

/** The report of these scores at the threshold 0.5. */
export function makeRobustness(
  { seeds = 1, names = Object.keys(videos) as (keyof typeof videos)[] }: {
    readonly seeds?: number;
    readonly names?: readonly (keyof typeof videos)[];
  } = {},
): RobustnessReport {
  const thresholds = Array.from({ length: seeds }, () => 0.5);
  const results = measureRobustness(
    { set: "<faces>", split: "test", images },
    names.map((perturbation) => ({ perturbation, scored: framesOf(perturbation, seeds) })),
    { thresholds, how: "mean" },
  );
  return {
    ...{
      schemaVersion: 1,
      name: "first",
      demo: false,
      head: "notebook head",
      weights: "0123",
      encoder: "CLIP, float32",
    },
    ...{ backend: { name: "wasm", device: "CPU", version: "4.22.0" }, seeds, videoScore: "mean" },
    threshold: { by: "eer", level: "video", values: thresholds },
    definition: scoreDefinition("video"),
    scores: robustnessScores(results),
    results,
    warnings: [],
  };
}
