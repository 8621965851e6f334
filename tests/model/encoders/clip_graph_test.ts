import {
  assertEquals,
  assertGreater,
  assertLess,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { isOnGpu, isTensorFlow } from "../../../lib/backend/raw.ts";
import {
  type Clip,
  encodeClsTokens,
  encodeEntering,
  encodeTokens,
} from "../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { compileClip, encoderDigest } from "../../../lib/model/encoders/clip_graph.ts";
import { clipTower } from "../../../lib/model/encoders/clip_tower.ts";
import { demoEncoder } from "../../../lib/model/encoders/demo.ts";
import { choosePrecision, meanCosine } from "../../../lib/model/encoders/precision.ts";
import { dispose } from "../../../lib/backend/tensors.ts";
import type { Guidance } from "../../../lib/model/layers.ts";
import { compilesFor } from "../../backend/native.ts";
import { arrays, onTensorFlow, tensorOf, tensorTest, worstDifference } from "../../tensors.ts";

const weights = await arrays("clip_tiny.safetensors");
const expected = await arrays("clip_tiny_expected.safetensors");
const hasInt8 = await compilesFor("avx2");
const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** The fixture's images, which PyTorch keeps channels first. */
function pixels(): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tensorOf<tf.Tensor4D>(expected, "image"), [0, 2, 3, 1]));
}

function tiny(options: Partial<Parameters<typeof bindClip>[1]> = {}): Clip {
  return bindClip(weights, { activation: "quickgelu", attendAcross: "tokens", heads: 4, ...options });
}

for (const activation of ["gelu", "quickgelu"] as const) {
  for (const attendAcross of ["tokens", "batch"] as const) {
    tensorTest(
      `compileClip() in float32 matches open_clip with ${activation} and attention across the ${attendAcross}`,
      async () => {
        const clip = tiny({ activation, attendAcross });
        const images = pixels();
        const compiled = await compileClip(clip, { precision: "float32" });
        const key = `tokens.${activation}${attendAcross === "batch" ? ".batch_attention" : ""}`;
        // As for encodeTokens(): float32 sums in another order.
        assertLess(
          worstDifference(await compiled.tokens(images), expected.get(key)!.data as Float32Array),
          2e-5,
        );
        dispose(compiled);
        dispose(compiled); // twice is harmless
        images.dispose();
        dispose(clip);
      },
    );
  }
}

tensorTest("compileClip() takes a tower of one block", async () => {
  const sizes = { width: 64, layers: 1, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
  const clip = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
  const images = tf.randomNormal([2, 32, 32, 3], 0, 1, "float32", 1) as tf.Tensor4D;
  const compiled = await compileClip(clip, { precision: "float32" });
  const wanted = encodeTokens(clip, images);
  // As above: float32 sums in another order.
  assertLess(worstDifference(await compiled.tokens(images), wanted.dataSync()), 2e-5);
  dispose([compiled, clip, images, wanted]);
});

tensorTest("compileClip() in bfloat16 agrees with float32: mean cosine at least 0.999", async () => {
  const sizes = { width: 192, layers: 4, heads: 3, imageSize: 64, patchSize: 16, embedDim: 64 };
  const clip = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
  const images = tf.randomNormal([3, 64, 64, 3], 0, 1, "float32", 1) as tf.Tensor4D;
  const full = await compileClip(clip, { precision: "float32" });
  if (!isTensorFlow()) {
    await assertRejects(
      () => compileClip(clip, { precision: "bfloat16" }),
      Error,
      "expected the tensorflow backend for bfloat16",
    );
  } else {
    const low = await compileClip(clip, { precision: "bfloat16" });
    const [a, b] = [await low.tokens(images), await full.tokens(images)];
    assertGreater(meanCosine(a, b), 0.999);
    assertNotEquals(a.dataSync()[0], b.dataSync()[0]); // it is not float32 under another name
    low.dispose();
    tf.dispose([a, b]);
  }
  full.dispose();
  images.dispose();
  dispose(clip);
});

tensorTest("encoderDigest() is that of weights, configuration and precision", async () => {
  const other = new Map(weights);
  const key = [...weights.keys()].find((name) => name.endsWith("ln_post.bias"))!;
  const bias = weights.get(key)!;
  other.set(key, { ...bias, data: Float32Array.from(bias.data as Float32Array, (x) => x + 1e-6) });
  const clips = [
    tiny(),
    tiny({ activation: "gelu" }),
    bindClip(other, { activation: "quickgelu", attendAcross: "tokens", heads: 4 }),
  ];
  const digests = [
    ...clips.map((clip) => encoderDigest(clip, "float32")),
    encoderDigest(clips[0], "bfloat16"),
  ];
  assertEquals(new Set(digests).size, digests.length);
  const same = tiny();
  assertEquals(encoderDigest(same, "float32"), digests[0]);
  dispose([clips, same]);
  await Promise.resolve();
});

tensorTest(
  "choosePrecision() refuses the precision that changes tokens, however fast, and keeps its answer",
  async () => {
    const { dict, config } = demoEncoder();
    const clip = bindClip(dict, { activation: "quickgelu", attendAcross: "tokens", heads: config.heads });
    const tower = clipTower(clip, { name: "demo", kind: "demo" });
    const choice = await choosePrecision(tower, { folder });
    assertNotEquals(choice.precision, "int8"); // one scale a token: a channel of 2000 leaves nothing of the others
    if (hasInt8 && onTensorFlow && !isOnGpu()) assertStringIncludes(choice.reason, "int8 is "); // it was tried
    assertEquals(await choosePrecision(tower, { folder }), choice);
    tower.close();
  },
);

/** A guidance module of the tiny tower with numbers that are a function of `seed`. */
function guidance(D: number, seed: number): Guidance {
  const linear = (out: number, width: number, i: number) => ({
    weight: tf.randomNormal<tf.Rank.R2>([out, width], 0, 0.2, "float32", seed + i),
    bias: tf.randomNormal<tf.Rank.R1>([out], 0, 0.2, "float32", seed + 10 + i),
  });
  return { down: linear(D / 4, D, 0), middle: linear(D / 4, D / 4, 1), up: linear(D, D / 4, 2) };
}

tensorTest(
  "a compiled tower gives what enters a block and the class token after each, guided or not",
  async () => {
    const plain = tiny();
    const { width: D, imageSize: S } = plain.config;
    const guided: Clip = {
      ...plain,
      params: { ...plain.params, guidance: [guidance(D, 1), guidance(D, 2)] },
    };
    const pixels = tf.randomNormal<tf.Rank.R4>([2, S, S, 3], 0, 1, "float32", 3);
    for (const clip of [plain, guided]) {
      const compiled = await compileClip(clip, { precision: "float32" });
      const pairs = [
        [await compiled.tokens(pixels), encodeTokens(clip, pixels)],
        [await compiled.clsTokens(pixels), encodeClsTokens(clip, pixels)],
        [await compiled.entering(pixels, 0), encodeEntering(clip, pixels, { block: 0 })],
        [await compiled.entering(pixels, 2), encodeEntering(clip, pixels, { block: 2 })],
      ];
      for (const [found, expected] of pairs) {
        assertEquals(found.shape, expected.shape);
        // float32 sums in another order
        assertLess(worstDifference(found, expected.dataSync() as Float32Array), 2e-5);
      }
      compiled.dispose();
      dispose(pairs);
    }
    assertNotEquals(encoderDigest(plain, "float32"), encoderDigest(guided, "float32"));
    dispose([plain, guided, pixels]);
  },
);
