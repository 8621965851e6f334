/**
 * Memory and cores that a task is given, from what this bench was measured to take.
 *
 * @module
 */
import { detectorKind } from "../../model/detectors/mod.ts";
import type { EncoderName } from "../../model/encoders/mod.ts";
import { isDemo, type RunConfig } from "../config/config.ts";
import type { Part } from "./parts.ts";
import type { Needs } from "./sbatch.ts";

/**
 * The most memory that a process had at once (`VmHWM`), in GB, by encoder: encoding, training a head on it, and training the tower itself.
 */
export const measuredMemory = {
  demo: { encode: 1, head: 1, tower: 2 },
  "demo-tower": { encode: 1, head: 1, tower: 2 },
  "ViT-B-32": { encode: 2, head: 2, tower: 4 },
  "ViT-B-16": { encode: 2, head: 2, tower: 4 },
  "hf-clip-vit-base-patch16": { encode: 2, head: 2, tower: 4 },
  "ViT-L-14": { encode: 4, head: 4, tower: 6 },
  "ViT-L-14-336": { encode: 4, head: 4, tower: 8 },
} as const satisfies Readonly<Record<EncoderName, Readonly<Record<"encode" | "head" | "tower", number>>>>;

/** What is asked for over what was measured: batches, images and lists of files are of other sizes elsewhere. */
const ROOM = 1.5;

/** A frame of a video and the search for faces, for each core. */
const PREPARE_GB = 2;

/** What a part's tasks are given; `memory` and `cores` win over what was measured. */
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
  const measured = measuredMemory[encoderOf(config)];
  if (kind === "encode") return measured.encode;
  const { tuned, base } = detectorKind(config.detector);
  return kind === "train" && (tuned || base) ? measured.tower : measured.head;
}

/** The encoder that is run, or for a file that may be of any, the greatest. */
function encoderOf(config: RunConfig): EncoderName {
  if (config.clip !== "auto") return config.clip;
  if (config.clipWeights !== undefined) return "ViT-L-14-336";
  return isDemo(config) && !config.randomClip ? "demo" : "ViT-B-16";
}
