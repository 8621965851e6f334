/**
 * The class tokens that a run was trained on, in short: what an image is held against before its score is believed.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { z } from "zod";
import { InputError } from "../base/errors.ts";
import { exists } from "../base/files.ts";
import { bindFamiliarity, type Familiarity, familiarityState } from "../model/familiarity.ts";
import { loadWeights } from "../weights/load.ts";
import { saveSafetensors } from "../weights/safetensors.ts";

/** What is familiar to a detector, and from which distance on an image or video is not. */
export type Familiar = {
  readonly familiarity: Familiarity;
  /** Of the encoder whose class tokens they are. */
  readonly encoderDigest: string;
  /** The distance that at most {@link UNFAMILIAR} of the calibration's videos exceed; null where those are too few to say so. */
  readonly limits: { readonly video: number | null; readonly image: number | null };
};

/** The share of videos like the calibration's that are called unfamiliar, at most. */
export const UNFAMILIAR = 0.01;

const textsSchema = z.object({
  encoderDigest: z.string(),
  limits: z.object({ video: z.number().nullable(), image: z.number().nullable() }),
});

/** Where it lies beside weights. */
export function familiarPath(weights: string): string {
  return join(dirname(weights), "familiar.safetensors");
}

/** Writes it beside weights. */
export async function writeFamiliar(weights: string, familiar: Familiar): Promise<void> {
  const { familiarity, encoderDigest, limits } = familiar;
  const metadata = { encoderDigest, limits: JSON.stringify(limits) };
  await saveSafetensors(familiarPath(weights), familiarityState(familiarity), { metadata, checksum: true });
}

/**
 * What lies beside weights; undefined where nothing does, or what does is of another encoder.
 *
 * @throws {InputError} when the file cannot be read
 */
export async function readFamiliar(
  weights: string,
  options: { readonly encoderDigest: string },
): Promise<Familiar | undefined> {
  const path = familiarPath(weights);
  if (!(await exists(path))) return undefined;
  const { tensors, metadata } = await loadWeights(path);
  const texts = textsSchema.safeParse({ ...metadata, limits: JSON.parse(metadata.limits ?? "null") });
  if (!texts.success) {
    throw new InputError(
      `Cannot read ${path}: expected what calibrate wrote but found other texts; calibrate the run again`,
    );
  }
  if (texts.data.encoderDigest !== options.encoderDigest) return undefined;
  return { familiarity: bindFamiliarity(tensors), ...texts.data };
}
