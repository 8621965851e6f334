import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../../../lib/base/errors.ts";
import { dispose } from "../../../../lib/backend/tensors.ts";
import type { Detector } from "../../../../lib/model/detectors/detector.ts";
import { bindPublished } from "../../../../lib/model/detectors/published/bind_published.ts";
import { publishedParts } from "../../../../lib/model/detectors/published/layout.ts";
import { bindPaper, paperLogit } from "../../../../lib/model/detectors/published/published.ts";
import { forgelensStage1 } from "../../../../lib/model/detectors/published/stage1.ts";
import { forgelens } from "../../../../lib/model/detectors/published/stage2.ts";
import {
  clsTokenOf,
  embed,
  embedPatches,
  encodeTokens,
  projectClsToken,
} from "../../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../../lib/model/encoders/clip_weights.ts";
import { clipTower } from "../../../../lib/model/encoders/clip_tower.ts";
import { openTower } from "../../../../lib/model/encoders/open.ts";
import { openBlocks } from "../../../../lib/model/blocks.ts";
import { layerNorm, layerSeed } from "../../../../lib/model/layers.ts";
import { gradientsOf } from "../../../../lib/training/eager.ts";
import { losses } from "../../../../lib/training/losses/mod.ts";
import { openTrainer } from "../../../../lib/training/trainer.ts";
import type { StateDict } from "../../../../lib/weights/state.ts";
import { arrays, fixture, tensorOf, tensorTest, worstDifference } from "../../../tensors.ts";

const { labels, wsgmCount, heads, faformerHeads, ...expectedLosses } = JSON.parse(
  await Deno.readTextFile(fixture("paper_training.json")),
);
const weights = await arrays("paper_stage2.pth");
const expected = await arrays("paper_training_expected.safetensors");
const options = { wsgmCount, heads, faformerHeads };
const loss = losses.binaryCrossEntropy;
const values = (key: string) => expected.get(key)!.data as Float32Array;

/** The fixture's images, which PyTorch keeps channels first. */
function images(): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tensorOf<tf.Tensor4D>(expected, "image"), [0, 2, 3, 1]));
}

for (const stage of [1, 2] as const) {
  tensorTest(`bindPublished() has PyTorch's gradients and first Adam steps: stage ${stage}`, async () => {
    const detector = bindPublished(weights, { stage, ...options });
    const pixels = images();
    const { gradients } = await gradientsOf(detector, pixels, { labels, loss });
    const prefix = `stage${stage}.grad.`;
    const keys = [...expected.keys()].filter((key) => key.startsWith(prefix));
    assertEquals(new Set(gradients.keys()), new Set(keys.map((key) => key.slice(prefix.length))));
    for (const key of keys) {
      // Float32 sums in another order than PyTorch's, through three layers and back.
      assertLess(worstDifference(gradients.get(key.slice(prefix.length))!, values(key)), 1e-5, key);
    }
    const optimizer = { kind: "adam", learningRate: 1e-3 } as const;
    const trainer = await openTrainer(detector, { loss, optimizer });
    for (const expected of expectedLosses[`stage${stage}Losses`]) {
      const found = await trainer.step({ input: pixels, labels });
      assertLess(Math.abs(found - expected), 1e-4, `${found} ${expected}`);
    }
    const after = tf.tidy(() => detector.forward(pixels, { training: false }).logits.dataSync());
    // Adam makes the rounding of a gradient near zero, such as that of the keys' bias, into a whole step.
    assertLess(worstDifference(after, values(`stage${stage}.logit_after3`)), 1e-4);
    trainer.close();
    detector.close();
    pixels.dispose();
  });

  tensorTest(
    `what stage ${stage} learnt is in a file of the official layout, which binds again`,
    async () => {
      const detector = bindPublished(weights, { stage, ...options });
      const pixels = images();
      await learn(detector, pixels, { steps: 1 });
      const logits = tf.tidy(() => detector.forward(pixels, { training: false }).logits.dataSync());
      const dict = detector.state();
      detector.close();
      assertEquals(new Set(dict.keys()), new Set(weights.keys()));
      const changed = [...dict.keys()].filter((key) =>
        dict.get(key)!.data.some((value, i) => value !== weights.get(key)!.data[i])
      );
      assert(changed.length > 0);
      assertEquals(
        changed.filter((key) => /WSGM_modules|wsgm_module|^backbone\.fc/.test(key) !== (stage === 1)),
        [],
      );
      const again = bindPaper(dict, options);
      assertEquals(tf.tidy(() => paperLogit(again, pixels, { stage }).dataSync()), logits);
      dispose([again, pixels]);
    },
  );
}

const sizes = { width: 32, layers: 3, heads: 2, imageSize: 32, patchSize: 16, embedDim: 16 };
const bytes = [1, 2, 3, 4].map((seed) =>
  Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * i * seed + (i % 7) * seed * 31) % 256)
);
const activation = "quickgelu";

/** A random tower of two heads, as an encoder that keeps nothing. */
async function openEncoder(clip = bindClip(randomClip(sizes, 0), {
  ...{ activation, attendAcross: "tokens", heads: sizes.heads } as const,
})) {
  return await openTower(clipTower(clip, { name: "tiny", kind: "tiny" }), { precision: "float32" });
}

/** Losses of Adam's steps on one batch. */
async function learn(
  detector: Detector,
  input: tf.Tensor,
  { steps, learningRate = 0.01 }: { readonly steps: number; readonly learningRate?: number },
): Promise<number[]> {
  const trainer = await openTrainer(detector, { loss, optimizer: { kind: "adam", learningRate } });
  const found: number[] = [];
  for (let i = 0; i < steps; i++) {
    found.push(
      await trainer.step({ input, labels: labels.slice(0, input.shape[0]), seed: i }),
    );
  }
  trainer.close();
  return found;
}

const stage1Settings = { wsgmCount: 2, wsgmReduction: 4, asPublished: false, towerHeads: sizes.heads };
const stage2Settings = { faformerLayers: 2, faformerHeads: 2, asPublished: false, towerHeads: sizes.heads };

tensorTest(
  "stage 1 begins as the tower itself, learns, and is tested as an encoder with its classifier",
  async () => {
    const encoder = await openEncoder();
    const detector = forgelensStage1.create(stage1Settings, { encoder, seed: 0 });
    const pixels = encoder.pixels(bytes);
    const { logits, embedding } = detector.forward(pixels, { training: false });
    const plain = embed(encoder.clip!, pixels);
    // A new module's output is of the order of 0.01³.
    assertLess(worstDifference(tf.sub(embedding!, plain), new Float32Array(plain.size)), 1e-2);
    const before = await learn(detector, pixels, { steps: 60, learningRate: 0.02 });
    assertLess(Math.min(...before.slice(-10)), 0.5 * before[0]);
    const scores = await detector.scores(pixels);
    const dict = detector.state();
    detector.close();
    const tested = { ...stage1Settings, activation } as const;
    const tower = forgelensStage1.tuned.tower(dict, tested);
    const head = forgelensStage1.tuned.bind(dict);
    const ofTower = tf.tidy(() => projectClsToken(tower, clsTokenOf(encodeTokens(tower, pixels))));
    assertLess(worstDifference(await head.scores(ofTower), scores), 1e-6);
    const again = forgelensStage1.bind(dict, tested);
    assertEquals(await again.scores(pixels), scores);
    assertEquals(again.state(), dict);
    again.close();
    head.close();
    dispose([logits, embedding, plain, pixels, ofTower, tower]);
    encoder.close();
  },
);

tensorTest(
  "stage 2 learns on kept class tokens of the guided tower as on pixels, and its file is whole",
  async () => {
    const encoder = await openEncoder();
    const first = forgelensStage1.create(stage1Settings, { encoder, seed: 0 });
    const pixels = encoder.pixels(bytes);
    await learn(first, pixels, { steps: 5, learningRate: 0.02 });
    const base = first.state();
    first.close();
    encoder.close();
    const tested = { ...stage1Settings, activation } as const;
    const guided = await openEncoder(forgelensStage1.tuned.tower(base, tested));
    const detector = forgelens.create(stage2Settings, { encoder: guided, base, seed: 0 });
    const clsTokens = await forgelens.trunk(guided, stage2Settings).features(bytes); // [4, L, E]
    assertEquals(clsTokens.shape, [4, sizes.layers, sizes.embedDim]);
    const labels = [0, 1, 0, 1];
    const [cached, whole] = [
      await gradientsOf(detector, clsTokens, { labels, loss }),
      await gradientsOf(detector, pixels, { labels, loss }),
    ];
    assertLess(Math.abs(cached.loss - whole.loss), 1e-6);
    for (const [key, gradient] of cached.gradients) {
      assertLess(worstDifference(gradient, whole.gradients.get(key)!.dataSync()), 1e-5, key);
    }
    const found = await learn(detector, clsTokens, { steps: 60 });
    assertLess(Math.min(...found.slice(-10)), 0.5 * found[0]);
    const scores = await detector.scores(clsTokens);
    const dict = detector.state();
    detector.close();
    const { stage, stage1, modules, tower } = publishedParts(dict);
    assertEquals([stage, modules.size, stage1], [2, 2 * 6, publishedParts(base).stage1]);
    assertEquals(tower, publishedParts(base).tower);
    const again = bindPublished(dict, { stage: 2, heads: 2, wsgmCount: 2, faformerHeads: 2 });
    assertLess(worstDifference(await again.scores(pixels), scores), 1e-5);
    again.close();
    const rest = forgelens.tuned.bind(dict, stage2Settings);
    assertEquals(await rest.scores(clsTokens), scores);
    rest.close();
    dispose([whole.gradients, pixels, clsTokens]);
    guided.close();
  },
);

tensorTest(
  "stage 2 as published drops out in the frozen stage at each step, by graphs as op by op",
  async () => {
    const encoder = await openEncoder();
    const pixels = encoder.pixels(bytes);
    const first = forgelensStage1.create(stage1Settings, { encoder, seed: 0 });
    await learn(first, pixels, { steps: 5, learningRate: 0.02 });
    const base = first.state();
    first.close();
    const guided = await openEncoder(forgelensStage1.tuned.tower(base, { ...stage1Settings, activation }));
    const settings = { ...stage2Settings, asPublished: true };
    assertEquals(forgelens.trunk(guided, settings), guided.trunk("pixels"));
    const create = () => forgelens.create(settings, { encoder: guided, base, seed: 0 });
    const detector = create();
    const kept = await guided.trunk("embeddings").features(bytes); // [4, L, E]
    assertLess(worstDifference(await detector.scores(kept), await detector.scores(pixels)), 1e-5); // sums in another order

    const blocks = openBlocks(guided.clip!, { dropoutRate: 0.5 });
    const dropped = tf.tidy(() => {
      const clip = guided.clip!;
      let x = embedPatches(clip, pixels);
      return tf.stack(
        clip.params.blocks.map((_, i) => {
          x = blocks.run(x, i, { training: true, seed: layerSeed(7, settings.faformerLayers + 1) });
          return projectClsToken(clip, layerNorm(clip.params.lnPost, clsTokenOf(x)));
        }),
        1,
      );
    });
    assert(worstDifference(tf.clone(dropped), kept.dataSync() as Float32Array) > 1e-3);
    const logits = (input: tf.Tensor) =>
      tf.tidy(() => detector.forward(input, { training: true, seed: 7 }).logits.dataSync() as Float32Array);
    assertEquals(logits(pixels), logits(dropped));
    detector.close();

    const losses = [];
    for (const engine of ["eager", undefined] as const) {
      const trained = create();
      const trainer = await openTrainer(trained, {
        loss,
        optimizer: { kind: "adam", learningRate: 0.01 },
        engine,
      });
      const found: number[] = [];
      for (let seed = 0; seed < 4; seed++) {
        found.push(await trainer.step({ input: pixels, labels: [0, 1, 0, 1], seed }));
      }
      losses.push(Float32Array.from(found));
      trainer.close();
      assertEquals(publishedParts(trained.state()).modules, publishedParts(base).modules);
      trained.close();
    }
    assertLess(worstDifference(losses[0], losses[1]), 1e-4); // sums in another order, four steps on
    dispose([pixels, kept, dropped]);
    guided.close();
    encoder.close();
  },
);

tensorTest("stage 2 without stage 1 has a file without guidance modules, which binds again", async () => {
  const encoder = await openEncoder();
  const detector = forgelens.create(stage2Settings, { encoder, seed: 0 });
  const dict = detector.state();
  detector.close();
  assertEquals([...dict.keys()].filter((key) => /WSGM|wsgm|^backbone\.(fc|ln_post)/.test(key)), []);
  const again = forgelens.bind(dict, { ...stage2Settings, activation });
  assertEquals(again.state(), dict);
  again.close();
  dispose(forgelens.tuned.tower(dict, { ...stage2Settings, activation }));
  encoder.close();
});

tensorTest("dropout of both stages is a function of the seed, and off in a test", async () => {
  const encoder = await openEncoder();
  const pixels = encoder.pixels(bytes);
  const clsTokens = await encoder.trunk("embeddings").features(bytes);
  for (
    const [detector, features] of [
      [forgelensStage1.create(stage1Settings, { encoder, seed: 0 }), pixels],
      [forgelens.create(stage2Settings, { encoder, seed: 0 }), clsTokens],
    ] as const
  ) {
    const logits = (seed?: number) =>
      tf.tidy(() => detector.forward(features, { training: seed !== undefined, seed }).logits.dataSync());
    assertEquals(logits(1), logits(1));
    assert(logits(1).some((value, i) => value !== logits(2)[i]));
    assert(logits(1).some((value, i) => value !== logits()[i]));
    detector.close();
  }
  dispose([pixels, clsTokens]);
  encoder.close();
});

tensorTest("either stage's file that lacks keys is refused with their names", () => {
  const wrong: StateDict = new Map(weights);
  wrong.delete("backbone.fc.1.bias");
  for (const stage of [1, 2] as const) {
    assertThrows(
      () => bindPublished(wrong, { stage, ...options }),
      InputError,
      "1 missing: backbone.fc.1.bias",
    );
  }
  assertThrows(
    () => forgelensStage1.bind(weights, { ...stage1Settings, activation }),
    InputError,
    "Cannot bind the published ForgeLens",
  );
});
