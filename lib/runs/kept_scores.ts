/**
 * Scores on disk, so that a run that was stopped goes on where it was: a file for each test, whole or not there.
 *
 * A file says what its scores are a function of; one that says anything else, or is not as it was written, is not believed.
 *
 * @module
 */
import { sealedJson, unsealed } from "../base/checksum.ts";
import { reasonOf } from "../base/errors.ts";
import { exists, readJson, writeWhole } from "../base/files.ts";

/** What scores are a function of, each a digest or a name. */
export type ScoresKey = {
  readonly weights: string;
  readonly images: string;
  /** The encoder, and what it computes with. */
  readonly encoder: string;
  readonly perturbation: string;
};

/** Changes when the scores of a key do. */
const VERSION = 1;

/** What each part of a key is, where it is another one. */
const parts: Readonly<Record<keyof ScoresKey, string>> = {
  weights: "other weights",
  images: "other images",
  encoder: "another encoder or backend",
  perturbation: "another perturbation",
};

/**
 * The scores that {@link writeScores} kept, one array for each training seed; undefined where there are none that can be believed.
 *
 * @param options.onNote takes a sentence about a file that is there and is not used
 */
export async function readScores(
  path: string,
  key: ScoresKey,
  { onNote }: { readonly onNote: (message: string) => void },
): Promise<Float64Array[] | undefined> {
  if (!(await exists(path))) return undefined;
  try {
    return scoresIn(await readJson(path, { expected: "kept scores" }), key);
  } catch (error) {
    onNote(`Scoring ${key.perturbation} again, because ${path} is not used: ${reasonOf(error)}`);
    return undefined;
  }
}

/** Keeps scores, one array for each training seed. @throws {Error} when they cannot be written. */
export async function writeScores(
  path: string,
  key: ScoresKey,
  scored: readonly Float64Array[],
): Promise<void> {
  // JSON's numbers are read back to the last bit.
  await writeWhole(path, sealedJson({ version: VERSION, ...key, scores: scored.map((each) => [...each]) }));
}

/** @throws {Error} when it is not what was written for the key */
function scoresIn(value: unknown, key: ScoresKey): Float64Array[] {
  if (value === null || typeof value !== "object" || !("sum" in value)) {
    throw new Error("expected kept scores with their checksum but found another value");
  }
  const found = unsealed(value, { expected: "file of scores" }) as Partial<ScoresKey> & {
    readonly version?: unknown;
    readonly scores?: readonly (readonly number[])[];
  };
  if (found.version !== VERSION) throw new Error(`expected version ${VERSION} but found ${found.version}`);
  for (const part of Object.keys(parts) as (keyof ScoresKey)[]) {
    if (found[part] !== key[part]) {
      throw new Error(`expected this run's scores but found those of ${parts[part]}`);
    }
  }
  return found.scores!.map((each) => Float64Array.from(each));
}
