import { assertEquals, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../../lib/base/errors.ts";
import { dispose, stateOf } from "../../../lib/backend/tensors.ts";
import type { Detector } from "../../../lib/model/detectors/detector.ts";
import { bindLnTuned, lnTuned } from "../../../lib/model/detectors/ln_tuned.ts";
import { clsTokenOf, encodeTokens } from "../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { clipTower } from "../../../lib/model/encoders/clip_tower.ts";
import { openTower } from "../../../lib/model/encoders/open.ts";
import { gradientsOf } from "../../../lib/training/eager.ts";
import { crossEntropy } from "../../../lib/training/losses/cross_entropy.ts";
import type { Loss } from "../../../lib/training/losses/loss.ts";
import { openTrainer } from "../../../lib/training/trainer.ts";
import type { StateDict } from "../../../lib/weights/state.ts";
import { arrays, fixture, tensorOf, tensorTest, worstDifference } from "../../tensors.ts";
import { noise } from "../towers.ts";

type Case = {
  readonly name: string;
  readonly normalise: boolean;
  readonly alignment: number;
  readonly uniformity: number;
  readonly losses: readonly number[];
};

const { labels, heads, activation, cases } = JSON.parse(
  await Deno.readTextFile(fixture("ln_tuning.json")),
) as {
  readonly labels: number[];
  readonly heads: number;
  readonly activation: "quickgelu";
  readonly cases: Case[];
};
const expected = await arrays("ln_tuning_expected.safetensors");
const weights: StateDict = new Map([
  ...await arrays("clip_tiny.safetensors"),
  ...await arrays("ln_tuning_head.safetensors"), // that of the other file has been trained
]);

/** The fixture's images, which PyTorch keeps channels first. */
function images(): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tensorOf<tf.Tensor4D>(expected, "image"), [0, 2, 3, 1]));
}

/** Cross-entropy with alignment and uniformity, as the fixture's note has them. */
function lossOf({ alignment, uniformity }: Case): Loss {
  if (alignment === 0 && uniformity === 0) return crossEntropy;
  return (output, labels) =>
    tf.tidy(() => {
      const z = output.embedding!;
      const distances = tf.sub(2, tf.mul(2, tf.matMul(z, z, false, true))); // [B, B]
      const mask = (same: boolean) =>
        tf.tensor2d(
          Array.from(labels, (a, i) => Array.from(labels, (b, j) => Number(i < j && (!same || a === b)))),
        );
      const meanOf = (x: tf.Tensor, mask: tf.Tensor) => tf.div(tf.sum(tf.mul(x, mask)), tf.sum(mask));
      const close = tf.maximum(meanOf(tf.exp(tf.mul(distances, -2)), mask(false)), 1e-6);
      return tf.addN([
        crossEntropy(output, labels),
        tf.mul(alignment, meanOf(distances, mask(true))),
        tf.mul(uniformity, tf.log(close)),
      ]) as tf.Scalar;
    });
}

for (const each of cases) {
  const { name, normalise, losses } = each;
  tensorTest(`bindLnTuned() has PyTorch's gradients and first AdamW steps: ${name}`, async () => {
    const detector = bindLnTuned(weights, { heads, activation, normalise });
    const pixels = images();
    const { gradients } = await gradientsOf(detector, pixels, { labels, loss: lossOf(each) });
    const keys = [...expected.keys()].filter((key) => key.startsWith(`${name}.grad.`));
    assertEquals(new Set(gradients.keys()), new Set(keys.map((key) => key.slice(`${name}.grad.`.length))));
    for (const key of keys) {
      const gradient = gradients.get(key.slice(`${name}.grad.`.length))!;
      // Float32 sums in another order than PyTorch's, through three layers and back.
      assertLess(worstDifference(gradient, expected.get(key)!.data as Float32Array), 1e-5, key);
    }
    const trainer = await openTrainer(detector, {
      loss: lossOf(each),
      optimizer: { kind: "adamw", learningRate: 1e-3, weightDecay: 0 },
    });
    for (const loss of losses) {
      assertLess(Math.abs(await trainer.step({ input: pixels, labels }) - loss), 1e-5, `${loss}`);
    }
    trainer.close();
    detector.close();
    pixels.dispose();
  });
}

const sizes = { width: 32, layers: 3, heads: 2, imageSize: 32, patchSize: 16, embedDim: 8 };

/** A random tower of two heads, as an encoder that keeps nothing. */
async function openEncoder(attendAcross: "tokens" | "batch" = "tokens") {
  const clip = bindClip(randomClip(sizes, 0), { activation, attendAcross, heads: sizes.heads });
  return await openTower(clipTower(clip, { name: "tiny", kind: "tiny" }), { precision: "float32" });
}

const settings = { normalise: true, blocks: undefined, towerHeads: undefined };
const bytes = [1, 2, 3, 4].map((seed) =>
  Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * i * seed + (i % 7) * seed * 31) % 256)
);

for (const blocks of [1, 2, 3]) {
  tensorTest(`the last ${blocks} blocks learn from what enters them as from the pixels`, async () => {
    const encoder = await openEncoder();
    const detector = lnTuned.create({ ...settings, blocks }, { encoder, seed: 0 });
    assertEquals(
      [...detector.weights.keys()].filter((key) => key.endsWith(".weight")).map((key) =>
        key.replace(/^visual\.(transformer\.resblocks\.)?/, "").replace(".weight", "")
      ),
      [
        ...(blocks === 3 ? ["ln_pre"] : []),
        ...[0, 1, 2].slice(-blocks).flatMap((i) => [`${i}.ln_1`, `${i}.ln_2`]),
        "ln_post",
        "head",
      ],
    );
    const [features, pixels] = [
      await lnTuned.trunk(encoder, { ...settings, blocks }).features(bytes),
      encoder.pixels(bytes),
    ];
    assertEquals(features.shape.slice(1), blocks === 3 ? [32, 32, 3] : [5, 32]);
    const [cached, whole] = await Promise.all(
      [features, pixels].map((input) =>
        gradientsOf(detector, input, { labels: [0, 1, 0, 1], loss: crossEntropy })
      ),
    );
    assertLess(Math.abs(cached.loss - whole.loss), 1e-6);
    for (const [key, gradient] of cached.gradients) {
      // The graph below sums in another order than the eager blocks.
      assertLess(worstDifference(gradient, whole.gradients.get(key)!.dataSync()), 1e-5, key);
    }
    dispose([whole.gradients, features, pixels]);
    detector.close();
    encoder.close();
  });
}

tensorTest(
  "a tuned tower that was saved scores as it did: alone, and as an encoder with its head",
  async () => {
    const encoder = await openEncoder();
    const detector = lnTuned.create(settings, { encoder, seed: 0 });
    const pixels = encoder.pixels(bytes);
    const { gradients } = await gradientsOf(detector, pixels, { labels: [0, 1, 0, 1], loss: crossEntropy });
    for (const [key, variable] of detector.weights) {
      tf.tidy(() => variable.assign(tf.sub(variable, tf.mul(gradients.get(key)!, 0.5))));
    }
    const scores = await detector.scores(pixels);
    const dict = detector.state();
    detector.close();
    const again = bindLnTuned(dict, { heads: sizes.heads, activation, normalise: true });
    assertEquals(again.state(), dict);
    assertEquals(await again.scores(pixels), scores);
    again.close();
    const tested = { ...settings, towerHeads: sizes.heads, activation };
    const tower = lnTuned.tuned.tower(dict, tested);
    const head = lnTuned.tuned.bind(dict, tested);
    const clsToken = tf.tidy(() => clsTokenOf(encodeTokens(tower, pixels)));
    assertLess(worstDifference(await head.scores(clsToken), scores), 1e-6);
    head.close();
    dispose([tower, gradients, pixels, clsToken]);
    encoder.close();
  },
);

tensorTest("the encoder's own tower is as it was when a detector on it has learnt", async () => {
  const encoder = await openEncoder();
  const before = stateOf(new Map([["lnPost", encoder.clip!.params.lnPost.weight]]));
  const detector = lnTuned.create(settings, { encoder, seed: 0 });
  await learn(detector, encoder.pixels(bytes), 3);
  assertEquals(stateOf(new Map([["lnPost", encoder.clip!.params.lnPost.weight]])), before);
  detector.close();
  encoder.close();
});

tensorTest("layer norms and a head learn to tell four images apart", async () => {
  const encoder = await openEncoder();
  const detector = lnTuned.create(settings, { encoder, seed: 0 });
  const losses = await learn(detector, encoder.pixels(bytes), 20);
  assertLess(losses.at(-1)!, 0.5 * losses[0]);
  detector.close();
  encoder.close();
});

/** Losses of AdamW's steps on one batch, which is disposed. */
async function learn(detector: Detector, input: tf.Tensor, steps: number): Promise<number[]> {
  const optimizer = { kind: "adamw", learningRate: 0.03 } as const;
  const trainer = await openTrainer(detector, { loss: crossEntropy, optimizer });
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) losses.push(await trainer.step({ input, labels: [0, 1, 0, 1] }));
  trainer.close();
  input.dispose();
  return losses;
}

tensorTest(
  "bindLnTuned() lists missing, unexpected and misshaped keys of tower and head in one error",
  () => {
    const wrong: StateDict = new Map(weights);
    wrong.delete("visual.ln_pre.bias");
    wrong.set("extra", expected.get("head.bias")!).set("head.weight", expected.get("head.bias")!);
    const options = { heads, activation, normalise: false };
    const { message } = assertThrows(() => bindLnTuned(wrong, options), InputError);
    for (const part of ["LN-tuned CLIP", "visual.ln_pre.bias", "1 unexpected: extra", "head.weight"]) {
      assertStringIncludes(message, part);
    }
  },
);

tensorTest(
  "layer norms are not tuned with more blocks than there are, nor with attention across the batch",
  async () => {
    const encoder = await openEncoder();
    assertThrows(() => lnTuned.trunk(encoder, { ...settings, blocks: 4 }), InputError, "at most --blocks 3");
    encoder.close();
    const across = await openEncoder("batch");
    assertThrows(() => lnTuned.create(settings, { encoder: across, seed: 0 }), InputError, "--attend-across");
    across.close();
  },
);

tensorTest("an engine's blocks take the place of a detector's, and leave it again", () => {
  const detector = bindLnTuned(weights, { heads, activation, normalise: false });
  const pixels = noise<tf.Rank.R4>([1, 64, 64, 3], 0);
  const logits = () => tf.tidy(() => detector.forward(pixels, { training: false }).logits.dataSync());
  const before = logits();
  let calls = 0;
  detector.tower!.use({ precision: "float32", run: (x) => (calls++, tf.zerosLike(x)), close: () => {} });
  logits();
  assertEquals(calls, 3);
  detector.tower!.use();
  assertEquals(logits(), before);
  pixels.dispose();
  detector.close();
});
