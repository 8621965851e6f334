/**
 * What trained weights must be run with: their card's settings, held against what was asked for and against the encoder.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import { exists } from "../../base/files.ts";
import { fits, fitStated } from "../../images/fits/mod.ts";
import { detectorKind } from "../../model/detectors/mod.ts";
import type { Encoder } from "../../model/encoders/encoder.ts";
import type { RunConfig, RunInput } from "../config/config.ts";
import { flagName } from "../config/names.ts";
import { presets } from "../config/presets.ts";
import { type CardedWeights, detectorOf, type WeightsCard } from "./card.ts";

/** The settings that a card states and no test may change. */
function fixedOf(weights: CardedWeights | Pick<CardedWeights, "path" | "card">): Partial<RunConfig> {
  const { head, activation, attendAcross, preprocessing, config } = weights.card ?? {};
  const preset = (Object.keys(presets) as RunConfig["preset"][]).find((name) => name === config?.preset);
  const detector = detectorOf(weights);
  const own = detectorKind(detector).fixed.map((key) => [key, head?.[key] ?? config?.[key]] as const);
  // Where it is stated in other words, `checkPreprocessing()` says so.
  const fit = preprocessing && fitStated(preprocessing.resize);
  return { detector, ...Object.fromEntries(own), activation, attendAcross, fit, preset };
}

/**
 * What to run weights with: `given`, and from their card what that leaves open.
 *
 * @throws {InputError} when `given` says otherwise than the card, with both values
 */
export async function settingsFor(
  { path, card }: Pick<CardedWeights, "path" | "card">,
  given: RunInput,
): Promise<RunInput> {
  if (!card) return given;
  const settings = fixedOf({ path, card });
  const wrong = (Object.keys(settings) as (keyof RunConfig)[]).filter((key) =>
    given[key] !== undefined && settings[key] !== undefined && given[key] !== settings[key]
  );
  if (wrong.length > 0) {
    const list = (values: RunInput) => wrong.map((key) => `${flagName(key)} ${values[key]}`).join(", ");
    throw new InputError(
      `Cannot evaluate ${path}: expected ${list(settings)}, which it was trained with, but found ${
        list(given)
      }; leave ${wrong.map(flagName).join(" and ")} out of flags and configuration`,
    );
  }
  return { ...settings, ...await encoderSettings(card, { path, given }), ...withoutAuto(given) };
}

/** The settings that open a card's encoder, where `given` leaves that open. */
async function encoderSettings(
  card: WeightsCard,
  { path, given }: { readonly path: string; readonly given: RunInput },
): Promise<RunInput> {
  const isDemo = card.clip === "demo" || card.encoder?.startsWith("demo encoder") === true;
  const clip = isDemo ? "demo" : card.clip ?? (card.config?.clip as RunInput["clip"]);
  const asked = given.clip !== undefined && given.clip !== "auto" ? given.clip : undefined;
  const own = { clipWeights: card.config?.clipWeights, randomClip: card.config?.randomClip === true };
  // With a file, what is in it decides: `checkEncoder()` compares.
  const isOther = asked !== undefined && clip !== undefined && clip !== "auto" && asked !== clip &&
    given.clipWeights === undefined && own.clipWeights === undefined;
  if (isOther) {
    throw new InputError(
      `Cannot evaluate ${path}: expected the ${
        card.encoder ?? clip
      }, which it was trained on, but found --clip ${asked}; leave --clip out`,
    );
  }
  const across = card.attendAcross === "batch" ? { batchSize: card.config?.batchSize as number } : {};
  if (asked !== undefined) return across;
  if (given.clipWeights !== undefined || given.randomClip) {
    // No digest says later whether it is the right one, but its shape is held against the name.
    return card.released === undefined ? across : { ...across, clip };
  }
  const file = typeof own.clipWeights === "string" && await exists(own.clipWeights)
    ? own.clipWeights
    : undefined;
  if (isDemo) return { ...across, clip: "demo" };
  if (own.randomClip) return { ...across, clip, randomClip: true };
  // A file was opened as its run named it, which may have left that to the file.
  const named = file === undefined ? clip : (card.config?.clip as RunInput["clip"]) ?? clip;
  return { ...across, clip: named, clipWeights: file };
}

/** Without the `auto` that leaves the encoder open. */
function withoutAuto(given: RunInput): RunInput {
  const { clip, ...others } = given;
  return clip === undefined || clip === "auto" ? others : given;
}

/**
 * Throws unless an encoder is the one that weights were trained on.
 *
 * @throws {InputError} with both encoders and what to do
 */
export function checkEncoder(
  encoder: Pick<Encoder, "digest" | "settings" | "input" | "name" | "file">,
  weights: {
    readonly path: string;
    readonly dim: number;
    /** Of the features that the encoder gives. */
    readonly width: number;
    readonly card?: WeightsCard;
  },
): void {
  const { path, dim, width, card } = weights;
  const { digest: found, settings } = encoder;
  const expected = card?.encoderDigest;
  if (dim === width && (expected === undefined || expected === found)) {
    for (const [key, value] of Object.entries(settings)) {
      const own = card?.[key as "activation"];
      if (own !== undefined && own !== value) {
        throw new InputError(
          `Cannot evaluate ${path}: expected ${
            flagName(key)
          } ${own}, which it was trained with, but found an encoder with ${value}; open it anew`,
        );
      }
    }
    checkPreprocessing(encoder, { path, card });
    return;
  }
  const theirs = card?.encoder ? `the ${card.encoder}` : `tokens of width ${dim}`;
  const [a, b] = expected
    ? [` (weights ${expected.slice(0, 12)})`, ` (weights ${found.slice(0, 12)})`]
    : ["", ""];
  throw new InputError(
    `Cannot evaluate ${path}: expected ${theirs}${a}, which it was trained on, but found ${
      dim === width ? "" : `width ${width} of `
    }the ${encoder.name}${b}${
      encoder.file ? ` in ${encoder.file}` : ""
    }; name that encoder with --clip or its file with --clip-weights`,
  );
}

/**
 * Throws unless images are prepared as for a card's weights.
 *
 * @throws {InputError} with both ways
 */
function checkPreprocessing(
  { input }: Pick<Encoder, "input">,
  { path, card }: { readonly path: string; readonly card?: WeightsCard },
): void {
  if (!card?.preprocessing) return;
  const [expected, found] = [card.preprocessing, { ...input, resize: fits[input.fit].text }].map((
    { size, mean, std, resize },
  ) => JSON.stringify({ size, mean, std, resize }));
  if (expected === found) return;
  throw new InputError(
    `Cannot evaluate ${path}: expected images prepared as it was trained, ${expected}, but found ${found}; evaluate it with the version that wrote it`,
  );
}
