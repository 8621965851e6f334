/**
 * A tower → the encoder that a run uses: in its precision, made fast, with its features kept.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { isOnGpu, isTensorFlow } from "../../backend/raw.ts";
import { takeBreath } from "../../base/breath.ts";
import type { TaskOptions } from "../../base/task.ts";
import type { Fit } from "../../images/fits/mod.ts";
import { TOGETHER_ON_GPU } from "../features/batches.ts";
import { type FeatureCache, openFeatureCache } from "../features/cache.ts";
import { type KeepOptions, type Tap, tapName, type Trunk } from "../features/trunk.ts";
import { clsTokenOf } from "./clip.ts";
import type { CompiledTower, Encoder, EncoderPrecision, Precision, Tower } from "./encoder.ts";
import { compileAs, type EncoderUse, precisionsOf } from "./precisions.ts";

/**
 * Opens a tower, which the encoder then owns: chooses its precision, compiles it and says where its features are kept. Where this
 * throws, the tower is closed.
 *
 * @param options.precision what is asked for; `auto` measures
 * @param options.headPrecision what detectors are trained in; unless given, what goes with the encoder's
 * @param options.fit how images are brought to its size; resized unless given
 * @param options.keep where features are kept; nowhere unless given
 * @throws {InputError} when this machine has no such precision
 */
export async function openTower(
  tower: Tower,
  options: Pick<TaskOptions, "report" | "signal"> & EncoderUse & {
    readonly precision: EncoderPrecision | "auto";
    readonly headPrecision?: Precision | "auto";
    readonly fit?: Fit;
    readonly keep?: KeepOptions;
  },
): Promise<Encoder> {
  const { report, signal, fit = "resize", keep } = options;
  try {
    await takeBreath(signal); // weights may have been seconds in the making
    const { wanted, canChange, ...choice } = await precisionsOf(tower, options);
    if (choice.reason !== undefined) report?.({ type: "note", message: `Precision: ${choice.reason}` });
    await takeBreath(signal);
    const { compiled, headPrecision, instead } = options.tuned && isTensorFlow()
      ? { compiled: compiledLater(tower, wanted), headPrecision: choice.head, instead: undefined }
      : await compileAs(tower, { wanted, head: choice.head, canChange, headFault: options.headFault });
    const warnings = [tower.warning, choice.doubt, instead, compiled.note];
    const warning = warnings.filter((text) => text !== undefined).join(" ") || undefined;
    const trunks = new Map<string, Trunk>();
    return {
      ...tower,
      input: { ...tower.input, fit },
      warning,
      precision: compiled.precision,
      choice: { ...choice, head: headPrecision, instead },
      trunk: (tap) => {
        const name = tapName(tap);
        const trunk = trunks.get(name) ?? towerTrunk(tower, { compiled, tap, fit, keep });
        trunks.set(name, trunk);
        return trunk;
      },
      close: () => {
        compiled.dispose();
        tower.close();
      },
    };
  } catch (error) {
    tower.close();
    throw error;
  }
}

/**
 * A tower that is compiled once its features are asked for: while it is trained on pixels they are not, and a second set of its weights
 * would only take memory. TensorFlow has every precision that training has.
 */
function compiledLater(tower: Tower, precision: EncoderPrecision): CompiledTower {
  let compiling: Promise<CompiledTower> | undefined;
  const compiled = () => compiling ??= tower.compile(precision);
  return {
    precision,
    tokens: async (pixels) => await (await compiled()).tokens(pixels),
    clsTokens: async (pixels) => await (await compiled()).clsTokens(pixels),
    entering: async (pixels, block) => await (await compiled()).entering(pixels, block),
    dispose: () => compiling?.then((each) => each.dispose(), () => {}),
  };
}

/** A tower's features at a tap, kept where an image's are a function of that image. */
function towerTrunk(
  tower: Tower,
  options: {
    readonly compiled: CompiledTower;
    readonly tap: Tap;
    readonly fit: Fit;
    readonly keep?: KeepOptions;
  },
): Trunk {
  const { compiled, tap, fit, keep } = options;
  const keptIn = tap === "tokens" ? "float16" : "float32";
  const shape = shapeAt(tower, tap);
  const ofTokens = tower.digestIn(compiled.precision);
  const digest = tap === "tokens" ? ofTokens : `${ofTokens}-${tapName(tap)}-${keptIn}`;
  const isPerImage = tower.settings.attendAcross === "tokens";
  let cache: Promise<FeatureCache | undefined> | undefined;
  return {
    tap,
    digest,
    shape,
    keptIn,
    imageSize: tower.input.size,
    fit,
    isPerImage,
    async features(images) {
      if (tap === "pixels") return tower.pixels(images);
      return isPerImage && compiled.precision !== "int8" // whose images are apart already
        ? await inPaddedBatches(images, (some) => encode(tower, { compiled, tap, images: some }))
        : await encode(tower, { compiled, tap, images });
    },
    cache: () =>
      cache ??= keep && isPerImage && tap !== "pixels"
        ? openFeatureCache(keep.folder, { ...keep, encoder: digest, shape, keptIn })
        : Promise.resolve(undefined),
  };
}

/** Of one image's features at a tap. */
function shapeAt({ sizes, input }: Tower, tap: Tap): number[] {
  const { width: D, tokens: N, embedDim: E, layers: L } = sizes;
  if (typeof tap !== "string") return [N, D];
  return {
    tokens: [N, D],
    clsToken: [D],
    embedding: [E],
    clsTokens: [L, D],
    embeddings: [L, E],
    pixels: [input.size, input.size, 3],
  }[tap];
}

/** The features of images at a tap, [B, ...shape]. */
async function encode(
  tower: Tower,
  options: {
    readonly compiled: CompiledTower;
    readonly tap: Exclude<Tap, "pixels">;
    readonly images: readonly Uint8Array[];
  },
): Promise<tf.Tensor> {
  const { compiled, tap, images } = options;
  const pixels = tower.pixels(images); // [B, S, S, 3]
  try {
    if (typeof tap !== "string") return await compiled.entering(pixels, tap.entering); // [B, N, D]
    if (tap === "tokens") return await compiled.tokens(pixels); // [B, N, D]
    if (tap === "clsTokens") return await compiled.clsTokens(pixels); // [B, L, D]
    if (tap === "embeddings") {
      const clsTokens = await compiled.clsTokens(pixels); // [B, L, D]
      const [B, L, D] = clsTokens.shape;
      return tf.tidy(() => {
        const rows = tf.reshape(clsTokens, [-1, D]) as tf.Tensor2D; // [B·L, D]
        clsTokens.dispose();
        return tf.reshape(tower.embedding(rows), [B, L, -1]); // [B, L, E]
      });
    }
    const tokens = await compiled.tokens(pixels); // [B, N, D]
    return tf.tidy(() => {
      const clsToken = clsTokenOf(tokens); // [B, D]
      tokens.dispose();
      return tap === "clsToken" ? clsToken : tower.embedding(clsToken); // [B, E]
    });
  } finally {
    pixels.dispose();
  }
}

/** Images in every call of an encoder on a CPU. */
const TOGETHER_ON_CPU = 8;

/**
 * Encodes images in batches of one size, the last filled up with its first image: matrix products may sum in another order at
 * another size, and an image's features are to be the same bits whatever is beside it.
 */
async function inPaddedBatches(
  images: readonly Uint8Array[],
  encode: (images: readonly Uint8Array[]) => Promise<tf.Tensor>,
): Promise<tf.Tensor> {
  const size = isOnGpu() ? TOGETHER_ON_GPU : TOGETHER_ON_CPU;
  const parts: tf.Tensor[] = [];
  for (let from = 0; from < images.length; from += size) {
    const some = images.slice(from, from + size);
    const filled = [...some, ...Array<Uint8Array>(size - some.length).fill(some[0])];
    const features = await encode(filled); // [size, ...shape]
    parts.push(tf.slice(features, 0, some.length));
    features.dispose();
  }
  const all = tf.concat(parts, 0); // [B, ...shape]
  tf.dispose(parts);
  return all;
}

/** What the report says of an encoder: its name and precision. */
export function describeEncoder({ name, precision }: Encoder): string {
  return `${name}, ${precision}`;
}

/**
 * The tokens of images encoded as one batch, [B, N, D], neither compiled nor kept; the caller disposes them.
 *
 * @example
 * ```ts
 * import { encodeImages, encoders, initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const settings = { activation: "quickgelu", attendAcross: "tokens" } as const;
 * const tower = await encoders.demo.bind({ settings });
 * const tokens = encodeImages(tower, [new Uint8Array(224 * 224 * 3)]);
 * assertEquals(tokens.shape, [1, 197, 192]);
 * tokens.dispose();
 * tower.close();
 * ```
 */
export function encodeImages(tower: Tower, images: readonly Uint8Array[]): tf.Tensor3D {
  return tf.tidy(() => tower.tokens(tower.pixels(images)));
}
