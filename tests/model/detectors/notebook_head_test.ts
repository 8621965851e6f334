import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import {
  bindForgeLens,
  createForgeLens,
  forgeLensState,
  headDetector,
  logits,
} from "../../../lib/model/detectors/notebook_head.ts";
import { dispose } from "../../../lib/backend/tensors.ts";
import type { StateDict } from "../../../lib/weights/state.ts";
import { arrays, tensorOf, tensorTest, worstDifference } from "../../tensors.ts";

const weights = await arrays("forgelens_head.safetensors");
const expected = await arrays("forgelens_head_expected.safetensors");
const config = { dim: 64, heads: 8, depth: 2, feedForward: 2048, dropout: 0.1 };

tensorTest("logits() matches PyTorch", () => {
  const model = bindForgeLens(weights, { heads: 8 });
  const tokens = tensorOf<tf.Tensor3D>(expected, "tokens");
  const wanted = expected.get("logits0")!.data as Float32Array;
  // float32 sums in another order than PyTorch's: 6e-7 was seen.
  assertLess(worstDifference(logits(model, tokens), wanted), 1e-5);
  tokens.dispose();
  dispose(model.weights);
});

tensorTest(
  "scores of the notebook's head are those of its logits, whatever its tokens and weights become",
  async () => {
    const model = createForgeLens({ dim: 32, heads: 2, depth: 1, feedForward: 64, dropout: 0.1 }, 0);
    const detector = headDetector(model);
    const check = async (shape: [number, number, number]) => {
      const tokens = tf.randomNormal(shape, 0, 1, "float32", 1) as tf.Tensor3D;
      const both = logits(model, tokens);
      const wanted = tf.tidy(() => tf.slice(tf.softmax(both), [0, 1], [-1, 1]).dataSync());
      // Sums in another order, where a graph or the C++ takes them in one call.
      assertLess(worstDifference(await detector.scores(tokens), wanted), 1e-6);
      dispose([tokens, both]);
      return wanted;
    };
    const before = await check([3, 5, 32]);
    await check([2, 7, 32]);
    const weight = model.weights.get("cls_head.weight")!;
    const other = tf.mul(weight, -3);
    weight.assign(other);
    other.dispose();
    assertNotEquals(await check([3, 5, 32]), before);
    detector.close();
  },
);

tensorTest(
  "bindForgeLens() reads sizes from the weights, takes a whole checkpoint's head, and gives back its state",
  () => {
    const whole: StateDict = new Map([...weights, [
      "extractor.clip.visual.proj",
      weights.get("cls_head.weight")!,
    ]]);
    const model = bindForgeLens(whole, { heads: 8 });
    assertEquals(model.config, { dim: 64, heads: 8, depth: 2, feedForward: 2048, dropout: 0 });
    const state = forgeLensState(model);
    assertEquals([...state.keys()].sort(), [...weights.keys()].sort());
    for (const [key, { data, shape }] of state) {
      assertEquals([shape, data], [weights.get(key)!.shape, weights.get(key)!.data], key);
    }
    dispose(model);
  },
);

tensorTest("bindForgeLens() lists every missing, unexpected and misshaped key in one error", () => {
  const dict: StateDict = new Map(weights);
  dict.delete("wsgm.norm.bias");
  dict.set("faformer.layers.1.extra", { dtype: "float32", shape: [1], data: new Float32Array(1) });
  dict.set("cls_head.bias", { dtype: "float32", shape: [3], data: new Float32Array(3) });
  const { message } = assertThrows(() => bindForgeLens(dict, { heads: 8 }));
  for (const key of ["wsgm.norm.bias", "faformer.layers.1.extra", "cls_head.bias"]) {
    assert(message.includes(key), message);
  }
  assertThrows(() => bindForgeLens(weights, { heads: 7 }), Error, "a width that 7 heads divide but found 64");
});

tensorTest("createForgeLens() initialises every layer as PyTorch does", () => {
  const model = createForgeLens(config, 3);
  const bound = (fanIn: number) => 1 / Math.sqrt(fanIn);
  const uniform: [string, number][] = [
    ["wsgm.guidance.0.weight", bound(64)], // Kaiming-uniform with a = √5: √(6 / ((1 + 5) fanIn))
    ["wsgm.guidance.0.bias", bound(64)],
    ["faformer.layers.0.linear1.weight", bound(64)],
    ["faformer.layers.0.linear2.weight", bound(2048)],
    ["faformer.layers.0.linear2.bias", bound(2048)],
    ["faformer.layers.1.self_attn.in_proj_weight", Math.sqrt(6 / (64 + 192))], // Xavier-uniform of [3D, D]
    ["faformer.layers.1.self_attn.out_proj.weight", bound(64)],
    ["cls_head.weight", bound(64)],
  ];
  const values = (key: string) => Array.from(model.weights.get(key)!.dataSync());
  for (const [key, limit] of uniform) {
    const x = values(key);
    const largest = x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    assert(largest <= limit && largest > 0.9 * limit, `${key}: largest ${largest}, bound ${limit}`);
    // Mean 0 and variance bound²/3, within four standard errors.
    const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
    const variance = x.reduce((sum, v) => sum + v * v, 0) / x.length;
    assertAlmostEquals(mean, 0, (4 * limit) / Math.sqrt(3 * x.length));
    assertAlmostEquals(variance, limit ** 2 / 3, (4 * limit ** 2 * Math.sqrt(4 / 45)) / Math.sqrt(x.length));
  }
  for (const key of model.weights.keys()) {
    if (/(in_proj_bias|out_proj\.bias|norm\d?\.bias)$/.test(key)) {
      assert(values(key).every((v) => v === 0), key);
    }
    if (/norm\d?\.weight$/.test(key)) assert(values(key).every((v) => v === 1), key);
  }
  assertNotEquals(values("faformer.layers.0.linear1.weight"), values("faformer.layers.1.linear1.weight"));
  dispose(model);
});

tensorTest("createForgeLens() is a function of its seed", () => {
  const [first, again, other] = [
    createForgeLens(config, 0),
    createForgeLens(config, 0),
    createForgeLens(config, 1),
  ];
  assertEquals(forgeLensState(first), forgeLensState(again));
  assertNotEquals(forgeLensState(first).get("cls_head.weight"), forgeLensState(other).get("cls_head.weight"));
  dispose([first, again, other]);
});

tensorTest("logits() drops only in training, as a function of the seed", () => {
  const model = bindForgeLens(weights, { heads: 8, dropout: 0.5 });
  const tokens = tensorOf<tf.Tensor3D>(expected, "tokens");
  const values = (options: Parameters<typeof logits>[2]) =>
    tf.tidy(() => logits(model, tokens, options).dataSync());
  const still = values({});
  assertEquals(values({ seed: 5 }), still);
  const dropped = values({ training: true, seed: 5 });
  assertEquals(values({ training: true, seed: 5 }), dropped);
  assertNotEquals(values({ training: true, seed: 6 }), dropped);
  assertNotEquals(dropped, still);
  tokens.dispose();
  dispose(model);
});
