/**
 * The layers of a transformer as pure functions: parameters in, tensor out.
 *
 * Shapes: B batch, N tokens (class token first), D width, H heads, K head width (D = H·K), F feed-forward width.
 * Weights keep PyTorch's `[out, in]`. Functions borrow their inputs; the caller owns what they return.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { matMul, seededBytes } from "../backend/tensors.ts";
import { createRandom, seedFrom } from "../base/random.ts";

/** Weights of `torch.nn.Linear`: `weight` [out, in], `bias` [out]. */
export type Linear = { readonly weight: tf.Tensor2D; readonly bias: tf.Tensor1D };

/** Weights of `torch.nn.LayerNorm` over the last axis: `weight` and `bias` [D]. */
export type Norm = { readonly weight: tf.Tensor1D; readonly bias: tf.Tensor1D };

/** Weights of `torch.nn.MultiheadAttention`: queries, keys and values stacked in `inProj` [3D, D]. */
export type Attention = { readonly inProj: Linear; readonly outProj: Linear };

/** Weights of `torch.nn.TransformerEncoderLayer`. */
export type EncoderLayer = {
  readonly selfAttn: Attention;
  readonly linear1: Linear;
  readonly linear2: Linear;
  readonly norm1: Norm;
  readonly norm2: Norm;
};

/** Weights of CLIP's `ResidualAttentionBlock`. */
export type ResidualBlock = {
  readonly ln1: Norm;
  readonly attn: Attention;
  readonly ln2: Norm;
  readonly cFc: Linear;
  readonly cProj: Linear;
};

/**
 * Weights of a guidance module (WSGM) of the published ForgeLens: a bottleneck of three linear layers, D → D/4 → D/4 → D, which
 * neighbouring blocks share.
 */
export type Guidance = { readonly down: Linear; readonly middle: Linear; readonly up: Linear };

/** Where dropout falls in a `TransformerEncoderLayer`, by PyTorch's names; each place draws masks of its own. */
export const dropoutPlaces = ["attention", "dropout1", "dropout", "dropout2"] as const;
/** One of {@link dropoutPlaces}. */
export type DropoutPlace = (typeof dropoutPlaces)[number];

/** The seed of the masks of a place, from the layer's. */
export function placeSeed(seed: number, place: DropoutPlace): number {
  return seedFrom(seed, place);
}

/** The seed of a layer's masks, from the step's. */
export function layerSeed(seed: number, layer: number): number {
  return seedFrom(seed, "dropout", layer);
}

/** Dropout of one layer: `rate` in [0, 1), and the seed that its masks are a function of. */
export type Dropout = { readonly rate: number; readonly seed: number };

/** `x · weightᵀ + bias` on the last axis, [..., in] → [..., out], as `torch.nn.functional.linear`. */
export function linear(p: Linear, x: tf.Tensor3D): tf.Tensor3D;
export function linear(p: Linear, x: tf.Tensor2D): tf.Tensor2D;
export function linear(p: Linear, x: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const [out, width] = p.weight.shape;
    const rows = tf.reshape(x, [-1, width]) as tf.Tensor2D; // [B·N, in]
    const y = tf.add(matMul(rows, p.weight, { transposeB: true }), p.bias); // [B·N, out]
    return tf.reshape(y, [...x.shape.slice(0, -1), out]); // [B, N, out]
  });
}

/** Layer normalisation over the last axis with PyTorch's default epsilon of 1e-5; keeps the shape. */
export function layerNorm<T extends tf.Tensor>(p: Norm, x: T): T {
  return tf.tidy(() => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true); // [B, N, 1]
    const unit = tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5)));
    return tf.add(tf.mul(unit, p.weight), p.bias) as T;
  });
}

/** The exact GELU, `x·Φ(x)`, as `torch.nn.GELU()`; keeps the shape. */
export function gelu<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)) as T);
}

/** OpenAI CLIP's GELU, `x·σ(1.702 x)`, which its weights were trained with; keeps the shape. */
export function quickGelu<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702))) as T);
}

/**
 * Zeroes each element with probability `rate` and scales the others by 1/(1 − rate), as PyTorch in training mode;
 * without `options`, or at rate 0, the identity (a new handle on the same values).
 */
export function dropout<T extends tf.Tensor>(x: T, options?: Dropout): T {
  if (!options || options.rate === 0) return tf.clone(x) as T;
  return tf.tidy(() => {
    const kept = tf.greaterEqual(seededBytes(x.shape, options.seed), leastKept(options));
    const keep = tf.cast(kept, "float32");
    return tf.mul(x, tf.mul(keep, 1 / (1 - options.rate))) as T;
  });
}

/**
 * The least of `seededBytes()` that a mask keeps. A mask of bytes drops a multiple of 1/256; which of the two around `rate` is
 * drawn from the seed, so that over seeds each element is dropped with probability `rate`.
 */
export function leastKept({ rate, seed }: Dropout): number {
  return Math.min(255, Math.floor(256 * rate + createRandom(seed, "leastKept").uniform()));
}

/**
 * Multi-head self-attention across axis 1, [B, N, D] → [B, N, D], as `torch.nn.MultiheadAttention` with
 * `batch_first`; dropout falls on the attention weights, as there.
 */
export function attention(
  p: Attention,
  x: tf.Tensor3D,
  options: { readonly heads: number; readonly dropout?: Dropout },
): tf.Tensor3D {
  return tf.tidy(() => {
    const [B, N, D] = x.shape;
    const { heads } = options;
    const qkv = tf.transpose(
      tf.reshape(linear(p.inProj, x), [B, N, 3 * heads, D / heads]), // [B, N, 3H, K]
      [0, 2, 1, 3],
    ); // [B, 3H, N, K]
    const [q, k, v] = tf.split(qkv, 3, 1) as tf.Tensor4D[]; // each [B, H, N, K]
    const scaled = tf.mul(q, 1 / Math.sqrt(D / heads));
    const weights = tf.softmax(matMul(scaled, k, { transposeB: true })); // [B, H, N, N]
    const mixed = matMul(dropout(weights, options.dropout), v); // [B, H, N, K]
    const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B, N, D]) as tf.Tensor3D; // [B, N, D]
    return linear(p.outProj, joined);
  });
}

/**
 * What a guidance module adds to the stream, [B, N, D] → [B, N, D]; dropout falls behind each of its two ReLUs, as in the
 * official code.
 */
export function guide(
  p: Guidance,
  x: tf.Tensor3D,
  options: { readonly dropout?: Dropout } = {},
): tf.Tensor3D {
  return tf.tidy(() => {
    const drop = (x: tf.Tensor3D, layer: number) =>
      dropout(x, options.dropout && { ...options.dropout, seed: layerSeed(options.dropout.seed, layer) });
    const down = drop(tf.relu(linear(p.down, x)), 0); // [B, N, D/4]
    const middle = drop(tf.relu(linear(p.middle, down)), 1); // [B, N, D/4]
    return linear(p.up, middle); // [B, N, D]
  });
}

/**
 * One pre-norm block of CLIP's vision transformer, [B, N, D] → [B, N, D].
 *
 * @param options.guidance the module that adds to the stream between attention and MLP; none unless given
 * @param options.dropout the module's, in training
 */
export function residualBlock(
  p: ResidualBlock,
  x: tf.Tensor3D,
  options: {
    readonly heads: number;
    readonly activation: "quickgelu" | "gelu";
    readonly guidance?: Guidance;
    readonly dropout?: Dropout;
  },
): tf.Tensor3D {
  return tf.tidy(() => {
    const { heads, guidance, dropout } = options;
    let attended = tf.add(x, attention(p.attn, layerNorm(p.ln1, x), { heads })) as tf.Tensor3D;
    if (guidance) attended = tf.add(attended, guide(guidance, attended, { dropout }));
    const hidden = linear(p.cFc, layerNorm(p.ln2, attended)); // [B, N, 4D]
    const active = options.activation === "gelu" ? gelu(hidden) : quickGelu(hidden);
    return tf.add(attended, linear(p.cProj, active)) as tf.Tensor3D; // [B, N, D]
  });
}

/**
 * One `torch.nn.TransformerEncoderLayer` with its defaults (post-norm, ReLU, `batch_first`), [B, N, D] → [B, N, D].
 * In training, dropout falls on the attention weights, the attention's output, the hidden layer and the feed-forward's output.
 */
export function encoderLayer(
  p: EncoderLayer,
  x: tf.Tensor3D,
  options: { readonly heads: number; readonly dropout?: Dropout },
): tf.Tensor3D {
  return tf.tidy(() => {
    const draw = (place: DropoutPlace): Dropout | undefined =>
      options.dropout && { rate: options.dropout.rate, seed: placeSeed(options.dropout.seed, place) };
    const attended = attention(p.selfAttn, x, { heads: options.heads, dropout: draw("attention") });
    const middle = layerNorm(p.norm1, tf.add(x, dropout(attended, draw("dropout1"))) as tf.Tensor3D);
    const hidden = dropout(tf.relu(linear(p.linear1, middle)), draw("dropout")); // [B, N, F]
    const fed = dropout(linear(p.linear2, hidden), draw("dropout2")); // [B, N, D]
    return layerNorm(p.norm2, tf.add(middle, fed) as tf.Tensor3D);
  });
}
