import * as tf from "@tensorflow/tfjs";
import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { InputError } from "../../lib/base/errors.ts";
import { openLandmarks68 } from "../../lib/faces/landmarks68.ts";
import type { Box } from "../../lib/images/box.ts";
import { decodeImage } from "../../lib/images/image.ts";
import { worstDifference } from "../tensors.ts";

const fixtures = new URL("../fixtures/faces/", import.meta.url);
const source = await decodeImage(await Deno.readFile(new URL("source.png", fixtures)));
const cases: readonly { readonly box: Box; readonly points: number[] }[] = JSON.parse(
  await Deno.readTextFile(new URL("landmarks68.json", fixtures)),
);

Deno.test("openLandmarks68() finds face-api's points in boxes of every shape, and frees its weights", async () => {
  const landmarks = await openLandmarks68();
  const found = await landmarks.find(source, cases.map(({ box }) => box));
  // Weights are scaled in float32, and TensorFlow sums in another order than tfjs' own code.
  cases.forEach(({ points }, i) => assertLess(worstDifference(found[i], points), 1e-3, `case ${i}`));
  assertEquals(await landmarks.find(source, []), []);
  await assertRejects(
    () => landmarks.find(source, [{ x: 170, y: 0, width: 40, height: 40 }]),
    InputError,
    "expected a box within the 160 × 160 pixels of the image but found 40 × 40 at 170, 0",
  );
  const before = tf.memory().numTensors;
  landmarks.close();
  assertEquals(before - tf.memory().numTensors, 49); // 16 layers of three, less one filter, and the last of two
});

Deno.test("openLandmarks68() numbers the points as dlib: eyes, nose and mouth lie where five points read off the picture are", async () => {
  const landmarks = await openLandmarks68();
  const [points] = await landmarks.find(source, [cases[0].box]);
  landmarks.close();
  const middle = (from: number, to: number) => {
    const each = points.slice(2 * from, 2 * to);
    const mean = (axis: number) =>
      each.filter((_, i) => i % 2 === axis).reduce((sum, v) => sum + v) / (to - from);
    return [mean(0), mean(1)];
  };
  const five = [middle(36, 42), middle(42, 48), middle(30, 31), middle(48, 49), middle(54, 55)].flat();
  assertLess(worstDifference(five, [51.7, 60.7, 97.3, 63.0, 75.0, 83.3, 56.0, 103.3, 93.3, 102.7]), 6);
});
