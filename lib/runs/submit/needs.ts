/**
 * Memory and cores that a task is given, from what this bench was measured to take.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import { detectorKind } from "../../model/detectors/mod.ts";
import type { EncoderName } from "../../model/encoders/mod.ts";
import { isDemo, type RunConfig } from "../config/config.ts";
import type { Part } from "./parts.ts";
import type { Needs } from "./sbatch.ts";

type Measured = Readonly<Record<"encode" | "head" | "tower", number>>;

/**
 * The most memory that a process had at once (`VmHWM`), in GB: encoding, training a head, and training the tower with it.
 *
 * Measured in float32, which takes the most, with random weights and 24 to 35 images on two cores of a Xeon (2026-11-28), heads in batches
 * of 8, towers by the published ForgeLens in batches of 16; that of ViT-L-14 in batches of 32, in bfloat16.
 */
export const measuredMemory = {
  demo: { encode: 0.6, head: 1.1, tower: 0.9 },
  "demo-tower": { encode: 0.6, head: 1.0, tower: 1.0 },
  "ViT-B-32": { encode: 1.7, head: 2.2, tower: 2.8 },
  "ViT-B-16": { encode: 1.7, head: 2.4, tower: 3.3 },
  "hf-clip-vit-base-patch16": { encode: 1.7, head: 2.4, tower: 3.3 }, // the same tower as ViT-B-16
  "ViT-L-14": { encode: 4.3, head: 4.4, tower: 5.7 },
} as const satisfies Readonly<Partial<Record<EncoderName, Measured>>>;

/** What is asked for over what was measured: batches, images and lists of files are of other sizes elsewhere. */
const ROOM = 1.5;

/** Frames of videos of 4K and the search for faces, all processes together, with two videos at a time as on two cores; of 720p 1.5. */
const PREPARE_GB = 2.2;

/**
 * What a part's tasks are given; `memory` and `cores` win over what was measured.
 *
 * @throws {InputError} for an encoder that was not measured, without `memory`
 */
export function needsOf(
  part: Part,
  config: RunConfig,
  given: { readonly memory?: string; readonly cores?: number } = {},
): Needs {
  const { cores = 2, memory = `${Math.ceil(gigabytes(part, config) * ROOM)}G` } = given;
  return { memory, cores };
}

function gigabytes({ kind }: Part, config: RunConfig): number {
  if (kind === "prepare") return PREPARE_GB;
  const encoder = encoderOf(config);
  const measured = (measuredMemory as Partial<Record<EncoderName, Measured>>)[encoder];
  if (measured === undefined) {
    throw new InputError(
      `Cannot submit the run: expected --mem for ${encoder}, whose memory was not measured, but found none; give --mem SIZE`,
    );
  }
  if (kind === "encode") return measured.encode;
  const { tuned, base } = detectorKind(config.detector);
  return (kind === "train" || kind === "seeds") && (tuned || base) ? measured.tower : measured.head;
}

/** The encoder that is run, or for a file that may be of any, the greatest that was measured. */
function encoderOf(config: RunConfig): EncoderName {
  if (config.clip !== "auto") return config.clip;
  if (config.clipWeights !== undefined) return "ViT-L-14";
  return isDemo(config) && !config.randomClip ? "demo" : "ViT-B-16";
}
