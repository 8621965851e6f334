import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { fakeProbability, probabilityOf } from "../../../lib/model/detectors/detector.ts";
import { tensorTest } from "../../tensors.ts";

Deno.test("probabilityOf() is the softmax of two logits and the sigmoid of one", () => {
  const [half, third] = probabilityOf(Float32Array.of(1, 1, Math.log(2), 0), 2);
  assertEquals(half, 0.5);
  assertAlmostEquals(third, 1 / 3, 1e-7); // the logarithm's float32
  assertEquals([...probabilityOf(Float32Array.of(0, -Infinity, Infinity), 1)], [0.5, 0, 1]);
  assertEquals([...probabilityOf(Float32Array.of(NaN, 0), 2)], [NaN]);
});

Deno.test("probabilityOf() tells logits apart that single precision takes for equally sure", () => {
  const logits = Float32Array.of(0, 20, 0, 21, -10, 15);
  const single = tf.tidy(() => [...tf.softmax(tf.tensor2d(logits, [3, 2])).dataSync()]);
  assertEquals([single[1], single[3], single[5]], [1, 1, 1]);
  const [first, second, third] = probabilityOf(logits, 2);
  assertLess(first, second);
  assertLess(second, third);
  assertLess(third, 1);
});

tensorTest("fakeProbability() takes the logits of an output and frees the rest of it", async () => {
  const scores = await fakeProbability(() => ({
    logits: tf.tensor2d([[0], [Math.log(3)]]),
    embedding: tf.zeros([2, 4]),
  }));
  assertEquals(scores[0], 0.5);
  assertAlmostEquals(scores[1], 0.75, 1e-7); // the logarithm's float32
});
