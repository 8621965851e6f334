/**
 * What a run's numbers hang on beside its configuration: the encoder's weights, and precision and engine as they were chosen.
 *
 * Chosen once, at the run's start, and kept in its folder: a run that goes on, and a test of its weights, take the same.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { fileSha256, sealedJson, unsealed } from "../../base/checksum.ts";
import { InputError } from "../../base/errors.ts";
import { exists, readJson, writeWhole } from "../../base/files.ts";
import { type Rounds, roundsSchema } from "../../backend/measure.ts";
import type { Encoder } from "../../model/encoders/encoder.ts";
import { type EngineName, engineNames } from "../../training/engine.ts";

/** What matrix products are computed in, and why. */
export type NumericsPrecision = {
  /** The encoder's. */
  encoder: "float32" | "bfloat16" | "int8";
  /** What was asked of the head's training; the eager engine has float32 alone, as the card of its weights says. */
  head: "float32" | "bfloat16";
  /** Why. */
  reason?: string;
  /** What a measurement has against it. */
  doubt?: string;
  /** By precision, what each round of the measurement took. */
  seconds?: Rounds;
};

/** The choices of a run. */
export type Numerics = {
  /** Of the file. */
  version: 1;
  /** Its name, and the digest of its weights. */
  encoder: { name: string; digest: string };
  /** What it computes in. */
  precision: NumericsPrecision;
  /** What the training steps ran on. */
  engine?: EngineName;
  /** By engine, what each round of the measurement took. */
  engineSeconds?: Rounds;
  /** For each seed, SHA-256 of the file of the first stage that it stands on, where it stands on one. */
  stageOne?: string[];
  /** Where the run did not go on as it began, in words for a reader of its scores. */
  notes: string[];
};

/** Checks a {@link NumericsPrecision}. */
export const precisionSchema: z.ZodType<NumericsPrecision> = z.object({
  encoder: z.enum(["float32", "bfloat16", "int8"]),
  head: z.enum(["float32", "bfloat16"]),
  reason: z.string().optional(),
  doubt: z.string().optional(),
  seconds: roundsSchema.optional(),
});

const numericsSchema: z.ZodType<Numerics> = z.object({
  version: z.literal(1),
  encoder: z.object({ name: z.string(), digest: z.string() }),
  precision: precisionSchema,
  engine: z.enum(engineNames).optional(),
  engineSeconds: roundsSchema.optional(),
  stageOne: z.array(z.string()).optional(),
  notes: z.array(z.string()),
});

const numericsFile = "numerics.json";

/**
 * What a run chose at its start; undefined before that, and for runs of older versions.
 *
 * @throws {InputError} when it is damaged.
 */
export async function readNumerics(folder: string): Promise<Numerics | undefined> {
  const file = join(folder, numericsFile);
  if (!(await exists(file))) return undefined;
  const expected = "what the run was begun with";
  const value = await readJson(file, { expected });
  const read = numericsSchema.safeParse(value);
  let found = "other JSON";
  try {
    if (read.success) {
      unsealed(value as object, { expected: "choices" });
      return read.data;
    }
  } catch {
    found = "something that was changed since: it is damaged";
  }
  throw new InputError(
    `Cannot read ${file}: expected ${expected} but found ${found}; take a copy of it, or remove it to go on with what is chosen anew`,
  );
}

/** Writes a run's choices into its folder. */
export async function writeNumerics(folder: string, numerics: Numerics): Promise<void> {
  await writeWhole(join(folder, numericsFile), sealedJson(numerics));
}

/**
 * A run's choices: those in its folder, or else the encoder's, which are written there.
 *
 * @param options.started the run has a checkpoint
 * @throws {InputError} when the run was begun with another encoder, or in a precision that the encoder was not asked for
 */
export async function settleNumerics(
  folder: string,
  options: { readonly encoder: Encoder; readonly started: boolean },
): Promise<Numerics> {
  const { encoder, started } = options;
  const before = await readNumerics(folder);
  const { digest, precision: used, choice: { instead, ...choice } } = encoder;
  if (!before) {
    const note = "What the run was begun with was not kept: from its last checkpoint on it went on in " +
      `${used} (the head in ${choice.head}), as chosen then.`;
    const numerics: Numerics = {
      version: 1,
      encoder: { name: encoder.name, digest },
      precision: { encoder: used, ...choice },
      notes: started ? [note] : [],
    };
    await writeNumerics(folder, numerics);
    return numerics;
  }
  if (before.encoder.digest !== digest) {
    throw new InputError(
      `Cannot go on with ${folder}: expected the ${before.encoder.name} (weights ${
        before.encoder.digest.slice(0, 12)
      }), which it was begun with, but found the ${encoder.name} (weights ${digest.slice(0, 12)})${
        encoder.file ? ` in ${encoder.file}` : ""
      }; put its weights back, or train a new run`,
    );
  }
  const { precision } = before;
  if (isOf(before, encoder)) return before;
  if (instead === undefined) {
    throw new InputError(
      `Cannot go on with ${folder}: expected ${precision.encoder} and a head in ${precision.head}, which it was begun in, but found an encoder opened in ${used} and ${choice.head}; open it with what readNumerics() gives, or train a new run`,
    );
  }
  return await noteIn(folder, before, `Trained in part with another precision: ${instead}`);
}

/** Whether an encoder is the one that a run was begun with, in its precision. */
export function isOf({ encoder: { digest }, precision }: Numerics, encoder: Encoder): boolean {
  return digest === encoder.digest && precision.encoder === encoder.precision &&
    precision.head === encoder.choice.head;
}

/**
 * A run's choices with what each of its seeds stands on.
 *
 * @param options.files of the first stage, one for each seed; none where there is no such stage
 * @throws {InputError} when the run was begun on others
 */
export async function settleStageOne(
  folder: string,
  { numerics, files }: { readonly numerics: Numerics; readonly files: readonly string[] },
): Promise<Numerics> {
  if (files.length === 0) return numerics;
  const known = new Map<string, string>();
  for (const file of new Set(files)) known.set(file, await fileSha256(file));
  const stageOne = files.map((file) => known.get(file)!);
  const before = numerics.stageOne;
  if (!before) {
    const settled = { ...numerics, stageOne };
    await writeNumerics(folder, settled);
    return settled;
  }
  const other = stageOne.findIndex((digest, i) => digest !== before[i]);
  if (other < 0) return numerics;
  throw new InputError(
    `Cannot go on with ${folder}: expected the first stage that it was begun on (file ${
      (before[other] ?? "of no such seed").slice(0, 12)
    }) in ${files[other]} but found another (file ${
      stageOne[other].slice(0, 12)
    }); put that file back, or train a new run`,
  );
}

/** A run's choices with one more note, in its folder too. */
export async function noteIn(folder: string, numerics: Numerics, note: string): Promise<Numerics> {
  if (numerics.notes.includes(note)) return numerics;
  const noted = { ...numerics, notes: [...numerics.notes, note] };
  await writeNumerics(folder, noted);
  return noted;
}
