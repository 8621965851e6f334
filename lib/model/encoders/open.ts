/**
 * A tower → the encoder that a run uses: in its precision, made fast, with its features kept.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { isOnGpu } from "../../backend/raw.ts";
import { takeBreath } from "../../base/breath.ts";
import type { TaskOptions } from "../../base/task.ts";
import { TOGETHER_ON_GPU } from "../features/batches.ts";
import { type FeatureCache, openFeatureCache } from "../features/cache.ts";
import type { KeepOptions, Tap, Trunk } from "../features/trunk.ts";
import { clsTokenOf } from "./clip.ts";
import type { CompiledTower, Encoder, EncoderPrecision, Tower } from "./encoder.ts";
import { compileAs, type EncoderUse, precisionsOf } from "./precisions.ts";

/**
 * Opens a tower, which the encoder then owns: chooses its precision, compiles it and says where its features are kept. Where this
 * throws, the tower is closed.
 *
 * @param options.precision what is asked for; `auto` measures
 * @param options.keep where features are kept; nowhere unless given
 * @throws {InputError} when this machine has no such precision
 */
export async function openTower(
  tower: Tower,
  options: Pick<TaskOptions, "report" | "signal"> & EncoderUse & {
    readonly precision: EncoderPrecision | "auto";
    readonly keep?: KeepOptions;
  },
): Promise<Encoder> {
  const { report, signal, keep } = options;
  try {
    await takeBreath(signal); // weights may have been seconds in the making
    const { wanted, canChange, ...choice } = await precisionsOf(tower, options);
    if (choice.reason !== undefined) report?.({ type: "note", message: `Precision: ${choice.reason}` });
    await takeBreath(signal);
    const { compiled, headPrecision, instead } = await compileAs(tower, {
      wanted,
      head: choice.head,
      canChange,
    });
    const warning = [tower.warning, choice.doubt, instead].filter((text) => text !== undefined).join(" ") ||
      undefined;
    const trunks = new Map<Tap, Trunk>();
    return {
      ...tower,
      warning,
      precision: compiled.precision,
      choice: { ...choice, head: headPrecision, instead },
      trunk: (tap) => {
        const trunk = trunks.get(tap) ?? towerTrunk(tower, { compiled, tap, keep });
        trunks.set(tap, trunk);
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

/** A tower's features at a tap, kept where an image's are a function of that image. */
function towerTrunk(
  tower: Tower,
  options: { readonly compiled: CompiledTower; readonly tap: Tap; readonly keep?: KeepOptions },
): Trunk {
  const { compiled, tap, keep } = options;
  const { width, tokens, embedDim } = tower.sizes;
  const shape = { tokens: [tokens, width], clsToken: [width], embedding: [embedDim] }[tap];
  const ofTokens = tower.digestIn(compiled.precision);
  const digest = tap === "tokens" ? ofTokens : `${ofTokens}-${tap}`;
  const isPerImage = tower.settings.attendAcross === "tokens";
  let cache: Promise<FeatureCache | undefined> | undefined;
  return {
    digest,
    shape,
    imageSize: tower.input.size,
    isPerImage,
    async features(images) {
      const all = isPerImage && compiled.precision !== "int8" // whose images are apart already
        ? await inPaddedBatches(images, (some) => encode(tower, compiled, some))
        : await encode(tower, compiled, images); // [B, N, D]
      return tap === "tokens" ? all : tf.tidy(() => {
        const clsToken = clsTokenOf(all); // [B, D]
        all.dispose();
        return tap === "clsToken" ? clsToken : tower.embedding(clsToken); // [B, E]
      });
    },
    cache: () =>
      cache ??= keep && isPerImage
        ? openFeatureCache(keep.folder, { ...keep, encoder: digest, shape })
        : Promise.resolve(undefined),
  };
}

async function encode(
  tower: Tower,
  compiled: CompiledTower,
  images: readonly Uint8Array[],
): Promise<tf.Tensor3D> {
  const pixels = tower.pixels(images); // [B, S, S, 3]
  const tokens = await compiled.tokens(pixels); // [B, N, D]
  pixels.dispose();
  return tokens;
}

/** Images in every call of an encoder on a CPU. */
const TOGETHER_ON_CPU = 8;

/**
 * Encodes images in batches of one size, the last filled up with its first image: matrix products may sum in another order at
 * another size, and an image's features are to be the same bits whatever is beside it.
 */
async function inPaddedBatches(
  images: readonly Uint8Array[],
  encode: (images: readonly Uint8Array[]) => Promise<tf.Tensor3D>,
): Promise<tf.Tensor3D> {
  const size = isOnGpu() ? TOGETHER_ON_GPU : TOGETHER_ON_CPU;
  const parts: tf.Tensor3D[] = [];
  for (let from = 0; from < images.length; from += size) {
    const some = images.slice(from, from + size);
    const filled = [...some, ...Array<Uint8Array>(size - some.length).fill(some[0])];
    const tokens = await encode(filled); // [size, N, D]
    parts.push(tf.slice(tokens, 0, some.length));
    tokens.dispose();
  }
  const all = tf.concat(parts, 0); // [B, N, D]
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
