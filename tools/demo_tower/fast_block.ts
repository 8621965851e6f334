/**
 * A block of CLIP with its gradient, for training in little time: matrix products in bfloat16, and few passes over memory.
 *
 * The same as `residualBlock()`, but for roundings. Only on TensorFlow.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { castRaw, disposeRaw, DTYPE, executeOp, fromRaw } from "../../lib/backend/raw.ts";
import type { Linear, Norm, ResidualBlock } from "../../lib/model/layers.ts";

/** One pre-norm block, [B, N, D] → [B, N, D]. */
export function fastBlock(p: ResidualBlock, x: tf.Tensor3D, { heads }: { heads: number }): tf.Tensor3D {
  const attended = tf.add(x, attention(p.attn, norm(p.ln1, x), heads)) as tf.Tensor3D;
  return tf.add(attended, linear(p.cProj, quickGelu(linear(p.cFc, norm(p.ln2, attended)))));
}

type Transposed = { readonly a?: boolean; readonly b?: boolean };

/** Products over the last two axes, in bfloat16 and summed in float32. */
function multiply(
  a: tf.Tensor,
  b: tf.Tensor,
  { a: adjX = false, b: adjY = false }: Transposed = {},
): tf.Tensor {
  const { float32, bfloat16 } = DTYPE;
  const [left, right] = [a, b].map((x) => castRaw(x, { from: float32, to: bfloat16 }));
  const [product] = executeOp("BatchMatMulV2", [left, right], {
    attrs: { T: { type: bfloat16 }, adj_x: adjX, adj_y: adjY },
  });
  const wide = castRaw(product, { from: bfloat16, to: float32 });
  disposeRaw(left, right, product);
  return fromRaw(wide);
}

function linear(p: Linear, x: tf.Tensor3D): tf.Tensor3D {
  const [B, N, D] = x.shape, out = p.weight.shape[0];
  const op = tf.customGrad((...given) => {
    const [x, weight, bias, save] = given as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([x, weight]);
    return {
      value: tf.add(multiply(x, weight, { b: true }), bias),
      gradFunc: (dy: tf.Tensor, [x, weight]: tf.Tensor[]) => [
        multiply(dy, weight),
        multiply(dy, x, { a: true }),
        tf.sum(dy, 0),
      ],
    };
  });
  const y = op(tf.reshape(x, [B * N, D]), p.weight, p.bias); // [B·N, out]
  return tf.reshape(y, [B, N, out]) as tf.Tensor3D;
}

/** Matrix products with gradients: [..., n, k] · [..., k, m], or with `transposeB` [..., m, k]. */
function matMul(a: tf.Tensor4D, b: tf.Tensor4D, { transposeB = false } = {}): tf.Tensor4D {
  const op = tf.customGrad((...given) => {
    const [a, b, save] = given as unknown as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([a, b]);
    return {
      value: multiply(a, b, { b: transposeB }),
      gradFunc: (dy: tf.Tensor, [a, b]: tf.Tensor[]) =>
        transposeB
          ? [multiply(dy, b), multiply(dy, a, { a: true })]
          : [multiply(dy, b, { b: true }), multiply(a, dy, { a: true })],
    };
  });
  return op(a, b) as tf.Tensor4D;
}

function attention(p: ResidualBlock["attn"], x: tf.Tensor3D, heads: number): tf.Tensor3D {
  const [B, N, D] = x.shape;
  const qkv = tf.transpose(tf.reshape(linear(p.inProj, x), [B, N, 3 * heads, D / heads]), [0, 2, 1, 3]);
  const [q, k, v] = tf.split(qkv, 3, 1) as tf.Tensor4D[]; // each [B, H, N, K]
  const weights = tf.softmax(matMul(tf.mul(q, 1 / Math.sqrt(D / heads)), k, { transposeB: true })); // [B, H, N, N]
  return linear(
    p.outProj,
    tf.reshape(tf.transpose(matMul(weights, v), [0, 2, 1, 3]), [B, N, D]) as tf.Tensor3D,
  );
}

function norm(p: Norm, x: tf.Tensor3D): tf.Tensor3D {
  const op = tf.customGrad((...given) => {
    const [x, weight, bias, save] = given as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5)); // [B, N, 1]
    const unit = tf.mul(centred, scale);
    save([unit, scale, weight]);
    return {
      value: tf.add(tf.mul(unit, weight), bias),
      gradFunc: (dy: tf.Tensor, [unit, scale, weight]: tf.Tensor[]) => {
        const along = tf.mul(dy, unit), wide = tf.mul(dy, weight);
        const mean = tf.mean(tf.mul(along, weight), -1, true);
        const dx = tf.mul(tf.sub(tf.sub(wide, tf.mean(wide, -1, true)), tf.mul(unit, mean)), scale);
        return [dx, tf.sum(along, [0, 1]), tf.sum(dy, [0, 1])];
      },
    };
  });
  return op(x, p.weight, p.bias) as tf.Tensor3D;
}

function quickGelu(x: tf.Tensor3D): tf.Tensor3D {
  const op = tf.customGrad((...given) => {
    const [x, save] = given as unknown as [tf.Tensor, tf.GradSaveFunc];
    const share = tf.sigmoid(tf.mul(x, 1.702));
    const value = tf.mul(x, share);
    save([value, share]);
    return {
      value, // its slope is σ + 1.702 · x σ · (1 − σ)
      gradFunc: (dy: tf.Tensor, [value, share]: tf.Tensor[]) =>
        tf.mul(dy, tf.add(share, tf.mul(tf.sub(1.702, tf.mul(share, 1.702)), value))),
    };
  });
  return op(x) as tf.Tensor3D;
}
