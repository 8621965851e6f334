import { assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { sha256 } from "../../../lib/base/checksum.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { type Clip, embedPatches, encodeEntering, encodeTokens } from "../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { compileInt8, int8Instructions } from "../../../lib/model/encoders/clip_int8.ts";
import { compileClip } from "../../../lib/model/encoders/clip_graph.ts";
import { gelu, layerNorm, type Linear, linear, quickGelu } from "../../../lib/model/layers.ts";
import { meanCosine } from "../../../lib/model/encoders/precision.ts";
import { dispose } from "../../../lib/backend/tensors.ts";
import { compilesFor } from "../../backend/native.ts";
import { tensorTest } from "../../tensors.ts";

const ignore = !await compilesFor("avx2");

/** Numbers rounded as `int8.h` rounds what weights are multiplied with: 256 values between each row's least and most. */
function roundedRows<T extends tf.Tensor>(x: T): T {
  const low = tf.min(x, -1, true);
  const step = tf.maximum(tf.div(tf.sub(tf.max(x, -1, true), low), 255), 1e-30);
  return tf.add(tf.mul(tf.round(tf.div(tf.sub(x, low), step)), step), low) as T;
}

/**
 * A linear layer with its weight rounded as there, to 255 values for each output, and what that leaves to 255 more where of 32 outputs one
 * needs them.
 */
function roundedLinear({ weight, bias }: Linear): Linear {
  const scale = tf.maximum(tf.div(tf.max(tf.abs(weight), 1, true), 127), 1e-30);
  const units = tf.div(weight, scale), whole = tf.round(units);
  const rest = tf.div(tf.round(tf.mul(tf.sub(units, whole), 254)), 254);
  const isCoarse = tf.greater(tf.norm(rest, 2, 1), tf.div(tf.norm(whole, 2, 1), 64)); // [out]
  const panels = tf.max(tf.cast(tf.reshape(isCoarse, [-1, 32]), "float32"), 1, true);
  const kept = tf.reshape(tf.tile(panels, [1, 32]), [-1, 1]); // [out, 1]
  return { weight: tf.mul(tf.add(whole, tf.mul(rest, kept)), scale) as tf.Tensor2D, bias };
}

/** Keys and values as `int8.h` rounds them, to 255 values about their mean over the tokens, with a scale along `axis`. */
function roundedApart(x: tf.Tensor, axis: number): tf.Tensor {
  const mean = tf.mean(x, 2, true); // [B, H, 1, K]
  const rest = tf.sub(x, mean);
  const scale = tf.maximum(tf.div(tf.max(tf.abs(rest), axis, true), 127), 1e-30);
  return tf.add(tf.mul(tf.round(tf.div(rest, scale)), scale), mean);
}

/** What `int8.h` computes, in float32 and tfjs's ops; its attention weights have 16 bits, which no token shows. */
function roundedTokens(clip: Clip, pixels: tf.Tensor4D): tf.Tensor3D {
  return tf.tidy(() => {
    const { config: { width: D, heads: H, activation }, params } = clip;
    const apart = (x: tf.Tensor) =>
      tf.transpose(tf.reshape(x, [pixels.shape[0], -1, H, D / H]), [0, 2, 1, 3]);
    const rounded = (p: Linear, x: tf.Tensor3D) => linear(roundedLinear(p), roundedRows(x));
    let x = embedPatches(clip, pixels); // [B, N, D]
    for (const { ln1, attn, ln2, cFc, cProj } of params.blocks) {
      const qkv = tf.split(rounded(attn.inProj, layerNorm(ln1, x)), 3, -1);
      const heads = qkv.map(apart); // each [B, H, N, K]
      const [q, k, v] = [roundedRows(heads[0]), roundedApart(heads[1], 3), roundedApart(heads[2], 2)];
      const weights = tf.softmax(tf.mul(tf.matMul(q, k, false, true), (D / H) ** -0.5));
      const joined = tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), x.shape) as tf.Tensor3D;
      x = tf.add(x, rounded(attn.outProj, joined));
      const hidden = rounded(cFc, layerNorm(ln2, x));
      x = tf.add(x, rounded(cProj, activation === "gelu" ? gelu(hidden) : quickGelu(hidden)));
    }
    return layerNorm(params.lnPost, x);
  });
}

// Rows and tokens that do not fill the last tile, an image more than a panel of rows, an odd number of heads.
const sizes = { width: 96, layers: 3, heads: 3, imageSize: 40, patchSize: 8, embedDim: 16 };

function open(
  changes: Partial<typeof sizes> = {},
  options: Partial<Parameters<typeof bindClip>[1]> = {},
): Clip {
  const size = { ...sizes, ...changes };
  const dict = randomClip(size, 0);
  for (const [key, { data }] of dict) { // away from 0 and 1, which a wrong place for them would not show
    if (/bias$|ln_/.test(key)) {
      (data as Float32Array).forEach((x, i, all) => all[i] = x + 0.1 * Math.sin(7 * i + key.length));
    }
  }
  return bindClip(dict, { activation: "quickgelu", attendAcross: "tokens", heads: size.heads, ...options });
}

function pixels(batch: number, size = sizes.imageSize): tf.Tensor4D {
  return tf.randomNormal([batch, size, size, 3], 0, 1, "float32", 1) as tf.Tensor4D;
}

/** The mean cosine of the tokens in int8 with those of `roundedTokens()`, and with float32's. */
async function cosines(clip: Clip, batch: number): Promise<{ rounded: number; exact: number }> {
  const images = pixels(batch, clip.config.imageSize);
  const compiled = await compileClip(clip, { precision: "int8" });
  const tokens = await compiled.tokens(images);
  const [rounded, exact] = [roundedTokens(clip, images), encodeTokens(clip, images)];
  const found = { rounded: meanCosine(tokens, rounded), exact: meanCosine(tokens, exact) };
  compiled.dispose();
  compiled.dispose(); // twice is harmless
  tf.dispose([tokens, rounded, exact, images]);
  return found;
}

for (const activation of ["quickgelu", "gelu"] as const) {
  for (const changes of [{}, { heads: 1, imageSize: 16 }, { width: 64, heads: 2, imageSize: 112 }]) {
    const name = `${activation}, ${JSON.stringify(changes)}`;
    tensorTest(`compileClip() in int8 computes what it says, and agrees with float32 (${name})`, async () => {
      const clip = open(changes, { activation });
      const { rounded, exact } = await cosines(clip, 3);
      // Sums in another order put a few numbers on the other side of a rounding, and those spread.
      assertGreater(rounded, 0.9999);
      assertGreater(exact, 0.999);
      dispose(clip);
    }, { ignore });
  }
}

tensorTest("in int8 an image's tokens are the same bits in every batch and every run", async () => {
  const clip = open();
  const images = pixels(5);
  const compiled = await compileClip(clip, { precision: "int8" });
  const whole = await compiled.tokens(images);
  const again = await compiled.tokens(images);
  assertEquals(again.dataSync(), whole.dataSync());
  const [N, D] = whole.shape.slice(1);
  for (let i = 0; i < 5; i++) {
    const image = tf.slice(images, [i, 0, 0, 0], [1, -1, -1, -1]) as tf.Tensor4D;
    const alone = await compiled.tokens(image);
    assertEquals(alone.dataSync(), whole.dataSync().subarray(i * N * D, (i + 1) * N * D));
    tf.dispose([image, alone]);
  }
  compiled.dispose();
  tf.dispose([images, whole, again]);
  dispose(clip);
}, { ignore });

/** Makes one weight large in the first 80 outputs of each MLP, as rectifiers of one channel have it: a byte leaves the others next to nothing. */
function addPeaks(clip: Clip): Clip {
  for (const { cFc } of clip.params.blocks) {
    const { weight, weight: { shape: [out, width] } } = cFc;
    const isPeak = (i: number) => i % (width + 1) === 0 && i < 80 * width;
    const peaks = tf.tensor2d(Float32Array.from({ length: out * width }, (_, i) => isPeak(i) ? 20 : 0), [
      out,
      width,
    ]);
    (cFc as { weight: tf.Tensor2D }).weight = tf.add(weight, peaks);
    tf.dispose([weight, peaks]);
  }
  return clip;
}

/** A tower's tokens' bits by the fastest instructions here, which each slower kind is found to give as well; disposes the tower. */
async function bitsOf(clip: Clip, batch: number): Promise<string> {
  const images = pixels(batch);
  const digests: string[] = [];
  for (const instructions of int8Instructions) {
    if (!await compilesFor(flagOf[instructions])) continue;
    const compiled = await compileInt8(clip, { instructions });
    const tokens = await compiled.tokens(images);
    const { buffer, byteOffset, byteLength } = tokens.dataSync();
    digests.push(sha256(new Uint8Array(buffer, byteOffset, byteLength), { digits: 16 }));
    compiled.dispose();
    tokens.dispose();
  }
  images.dispose();
  dispose(clip);
  assertEquals(digests, digests.map(() => digests[0]));
  return digests[0];
}

const flagOf = { amx: "amx_int8", vnni: "avx512_vnni", avx2: "avx2" } as const;

tensorTest("in int8 tokens are the same bits by AMX, by VNNI and by AVX2, on every machine", async () => {
  assertEquals(await bitsOf(open({ width: 64, heads: 2 }), 1), "921fada3aef7e473");
  assertEquals(await bitsOf(open({ width: 128, heads: 4 }), 5), "3794e4928e2357da");
  assertEquals(await bitsOf(addPeaks(open({ width: 64, heads: 2 })), 2), "8b42a963cd79f738");
}, { ignore });

tensorTest("compileInt8() says which instructions are missing", async () => {
  const clip = open();
  for (const [instructions, flag] of [["amx", "amx_int8"], ["vnni", "avx512_vnni"]] as const) {
    if (await compilesFor(flag)) continue;
    await assertRejects(
      () => compileInt8(clip, { instructions }),
      InputError,
      `expected a CPU with ${instructions === "amx" ? "AMX" : "AVX-512 VNNI"} but found one without`,
    );
  }
  dispose(clip);
}, { ignore });

tensorTest("in int8 what all keys or all values share costs no accuracy", async () => {
  const clip = open();
  const { width: D } = clip.config;
  for (const { attn: { inProj } } of clip.params.blocks) {
    // As trained towers have it: some of a head's keys far from 0, by the same for every token.
    const shared = tf.tensor1d(Array.from({ length: 3 * D }, (_, i) => i >= D && i % 16 === 3 ? 20 : 0));
    const bias = inProj.bias;
    (inProj as { bias: tf.Tensor1D }).bias = tf.add(bias, shared);
    tf.dispose([bias, shared]);
  }
  assertGreater((await cosines(clip, 2)).exact, 0.999);
  dispose(clip);
}, { ignore });

tensorTest("in int8 one large weight among small ones costs its output no accuracy", async () => {
  const clip = addPeaks(open());
  const { rounded, exact } = await cosines(clip, 2);
  assertGreater(rounded, 0.9999);
  assertGreater(exact, 0.9997); // by a byte alone 0.9994
  dispose(clip);
}, { ignore });

tensorTest("in int8 inner features are those on the way to the tokens", async () => {
  const clip = open();
  const images = pixels(3);
  const compiled = await compileClip(clip, { precision: "int8" });
  const { layers: L, width: D } = clip.config;
  const [tokens, clsTokens] = [await compiled.tokens(images), await compiled.clsTokens(images)];
  assertEquals(clsTokens.shape, [3, L, D]);
  const ofLast = tf.slice(clsTokens, [0, L - 1, 0], [-1, 1, -1]);
  const ofTokens = tf.slice(tokens, [0, 0, 0], [-1, 1, -1]);
  assertEquals(ofLast.dataSync(), ofTokens.dataSync());
  const [first, exact] = [await compiled.entering(images, 0), encodeEntering(clip, images, { block: 0 })];
  const worst = tf.tidy(() => tf.max(tf.abs(tf.sub(first, exact))).dataSync()[0]);
  assertLess(worst, 1e-4); // nothing before the first block is in 8 bits
  compiled.dispose();
  tf.dispose([images, tokens, clsTokens, ofLast, ofTokens, first, exact]);
  dispose(clip);
}, { ignore });

tensorTest("in int8 rows and weights without any difference are no division by zero", async () => {
  const clip = open();
  const { cFc, cProj, attn } = clip.params.blocks[0];
  const zeros = [cFc.weight, cProj.weight, attn.outProj.weight, attn.inProj.weight].map((x) =>
    tf.zerosLike(x)
  );
  const [fc, proj, out, inProj] = zeros as tf.Tensor2D[];
  const block = {
    ...clip.params.blocks[0],
    cFc: { ...cFc, weight: fc },
    cProj: { ...cProj, weight: proj },
    attn: { inProj: { ...attn.inProj, weight: inProj }, outProj: { ...attn.outProj, weight: out } },
  };
  const flat: Clip = {
    ...clip,
    params: { ...clip.params, blocks: [block] },
    config: { ...clip.config, layers: 1 },
  };
  const compiled = await compileClip(flat, { precision: "int8" });
  const images = tf.zeros([1, 40, 40, 3]) as tf.Tensor4D;
  const [tokens, exact] = [await compiled.tokens(images), encodeTokens(flat, images)];
  assertGreater(meanCosine(tokens, exact), 0.9999);
  compiled.dispose();
  tf.dispose([images, tokens, exact, ...zeros]);
  dispose(clip);
}, { ignore });

tensorTest("compileClip() in int8 refuses what it is not written for, with what to do instead", async () => {
  const across = open({}, { attendAcross: "batch" });
  const narrow = open({ width: 96, heads: 6 });
  const start = "Cannot compile the encoder in int8: expected ";
  const end = "; choose --precision bfloat16 or float32";
  for (
    const [clip, reason] of [
      [across, "attention across the tokens but found it across the batch"],
      [narrow, "widths that are multiples of 32 but found heads of 16 and an MLP of 384"],
    ] as const
  ) {
    await assertRejects(
      () => compileClip(clip, { precision: "int8" }),
      InputError,
      `${start}${reason}${end}`,
    );
  }
  dispose([across, narrow]);
});
