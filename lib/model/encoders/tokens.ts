/**
 * Samples → the frozen tokens of their images, batch by batch: from disk where they are, else encoded and kept.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { fromHalf, isOnGpu } from "../../backend/start.ts";
import type { Sample } from "../../data/sample.ts";
import { loadImage, releaseBytes } from "../../images/image.ts";
import { batchesAhead } from "../../data/order.ts";
import { encodeTokens, tokenCount, toPixels } from "./clip.ts";
import { imageKey } from "./token_cache.ts";
import type { Encoder, ReadyEncoder } from "./open.ts";

/** A compiled encoder, or any. */
export type TokenEncoder = Encoder & Partial<ReadyEncoder>;

/** Tokens [B, N, D], which whoever takes the batch disposes, and their samples. */
export type TokenBatch = { readonly tokens: tf.Tensor3D; readonly samples: readonly Sample[] };

/** Images that a GPU encodes in one call: a batch of training leaves it idle. */
const TOGETHER_ON_GPU = 64;

/**
 * Tokens of samples in the order given. The next batches' files are read and decoded while the caller works on this one.
 *
 * Where attention runs across tokens, an image's tokens are a function of the image: they are rounded to half precision
 * and kept in the encoder's cache, if it has one. Where it runs across the batch, each batch is encoded as it is.
 *
 * @param options.ahead how many batches wait at most, 2 unless given or `together` asks for more
 * @param options.together how many images are encoded in one call where there is a cache: a batch, on a GPU 64
 * @param options.before how many samples of the same order went before these, so that the same ones are encoded together
 */
export async function* tokenBatches(
  encoder: TokenEncoder,
  samples: readonly Sample[],
  options: {
    readonly batchSize: number;
    readonly jpegQuality?: number;
    readonly ahead?: number;
    readonly together?: number;
    readonly before?: number;
  },
): AsyncGenerator<TokenBatch> {
  const { batchSize: B, together = isOnGpu() ? TOGETHER_ON_GPU : B, before = 0 } = options;
  const load = (sample: Sample) => prepare(encoder, sample, options);
  const groupSize = encoder.cache ? Math.ceil(together / B) * B : B;
  const ahead = Math.max(options.ahead ?? 2, groupSize / B);
  const group: { readonly items: readonly Prepared[]; readonly samples: readonly Sample[] }[] = [];
  const end = before + samples.length;
  let at = before;
  try {
    for await (const batch of batchesAhead(samples, { ...options, ahead, load })) {
      group.push(batch);
      at += batch.samples.length;
      if (at % groupSize !== 0 && at < end) continue;
      const kept = encoder.cache && await cachedTokens(encoder, group.flatMap(({ items }) => items));
      for (const { items, samples } of group.splice(0)) {
        const tokens = kept ? stacked(encoder, kept.splice(0, items.length)) : await encode(encoder, items);
        yield { tokens, samples };
      }
    }
  } finally {
    await encoder.cache?.flush();
  }
}

/** An image on its way: its tokens, or what they are made of. */
type Prepared = {
  readonly key?: string;
  readonly tokens?: Float16Array<ArrayBuffer>;
  /** RGB, [S, S, 3]; whoever calls it releases them. */
  image(): Promise<Uint8Array>;
};

async function prepare(
  encoder: TokenEncoder,
  { path }: Sample,
  { jpegQuality }: { readonly jpegQuality?: number },
): Promise<Prepared> {
  const size = encoder.clip.config.imageSize;
  const image = () => loadImage(path, { size, jpegQuality });
  if (encoder.cache) {
    const key = await keyOf(path, { size, jpegQuality });
    const tokens = key === undefined ? undefined : await encoder.cache.get(key);
    if (tokens) return { key, tokens, image };
    const loaded = await image();
    return { key, image: () => Promise.resolve(loaded) };
  }
  const loaded = await image();
  return { image: () => Promise.resolve(loaded) };
}

/** A file is read for its key once a process, unless it changes. */
const keys = new Map<string, string>();

/** The key of a file's tokens; undefined when it cannot be read, which loading it will say. */
async function keyOf(
  path: string,
  preparation: { readonly size: number; readonly jpegQuality?: number },
): Promise<string | undefined> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info) return undefined;
  const { size, jpegQuality = "" } = preparation;
  const version = [path, info.size, info.mtime?.getTime(), info.ino, size, jpegQuality].join("\0");
  let key = keys.get(version);
  if (key === undefined) {
    key = imageKey(await Deno.readFile(path), preparation);
    keys.set(version, key);
  }
  return key;
}

async function encode(encoder: TokenEncoder, batch: readonly Prepared[]): Promise<tf.Tensor3D> {
  const images = await Promise.all(batch.map(({ image }) => image()));
  const pixels = toPixels(images, encoder.clip.config.imageSize); // [B, S, S, 3]
  images.forEach(releaseBytes);
  const tokens = encoder.compiled
    ? await encoder.compiled.tokens(pixels) // [B, N, D]
    : encodeTokens(encoder.clip, pixels);
  pixels.dispose();
  return tokens;
}

/** The tokens of each image, [N, D]. */
async function cachedTokens(
  encoder: TokenEncoder,
  batch: readonly Prepared[],
): Promise<Float16Array<ArrayBuffer>[]> {
  const cache = encoder.cache!;
  // A batch before this one may have encoded the same image meanwhile.
  const known = await Promise.all(
    batch.map(async ({ key, tokens }) =>
      tokens ?? (key !== undefined && cache.has(key) ? await cache.get(key) : undefined)
    ),
  );
  const missing = batch.filter((_, i) => known[i] === undefined);
  if (missing.length > 0) {
    const encoded = await encode(encoder, missing); // [M, N, D]
    const values = encoded.dataSync() as Float32Array;
    encoded.dispose();
    const length = encoded.shape[1] * encoded.shape[2];
    let next = 0;
    for (let i = 0; i < batch.length; i++) {
      if (known[i] !== undefined) continue;
      const tokens = inHalf(values.subarray(next * length, ++next * length));
      known[i] = tokens;
      const { key } = batch[i];
      if (key !== undefined) await cache.put(key, tokens);
    }
  }
  return known as Float16Array<ArrayBuffer>[];
}

function stacked({ clip }: TokenEncoder, batch: readonly Float16Array<ArrayBuffer>[]): tf.Tensor3D {
  const shape = [batch.length, tokenCount(clip.config), clip.config.width]; // [B, N, D]
  const all = new Float16Array(shape[0] * shape[1] * shape[2]);
  batch.forEach((tokens, i) => all.set(tokens, i * tokens.length));
  return fromHalf(all, shape) as tf.Tensor3D;
}

function inHalf(values: Float32Array): Float16Array<ArrayBuffer> {
  const half = new Float16Array(values);
  if (!allFinite(half)) {
    throw new Error(
      "Cannot keep tokens in half precision: expected numbers up to 65504 but found larger ones; run with --no-cache",
    );
  }
  return half;
}

/** Whether all are finite numbers; by their bits, as a callback a number takes ten times as long. */
function allFinite(values: Float16Array<ArrayBuffer>): boolean {
  const exponent = 0x7c00; // all ones: infinite, or not a number
  const bits = new Uint16Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) if ((bits[i] & exponent) === exponent) return false;
  return true;
}
