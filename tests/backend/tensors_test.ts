import * as tf from "@tensorflow/tfjs";
import { assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { drawn, seededMask } from "../../lib/backend/philox.ts";
import { fromHalf, seededBytes } from "../../lib/backend/tensors.ts";
import { onTensorFlow, tensorTest } from "../tensors.ts";

tensorTest("fromHalf() widens every finite number of half precision without a difference", () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((i) => (i & 0x7c00) !== 0x7c00);
  const halves = new Float16Array(bits.buffer);
  const x = fromHalf(halves, [2, halves.length / 2]);
  assertEquals(x.shape, [2, halves.length / 2]);
  assertEquals([...x.dataSync()], [...halves]);
  const odd = fromHalf(halves.slice(5000, 5003), [3]);
  assertEquals([...odd.dataSync()], [...halves.slice(5000, 5003)]);
  tf.dispose([x, odd]);
});

tensorTest("seededBytes() is uniform over 256 values, a function of shape and seed", () => {
  const x = seededBytes([3, 10_001], 5); // a count that is no multiple of four
  const values = x.dataSync();
  const counts = new Float64Array(256);
  for (const value of values) counts[value]++;
  const expected = values.length / 256;
  const chiSquared = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assertLess(Math.abs(chiSquared - 255), 5 * Math.sqrt(2 * 255)); // five standard deviations
  const again = seededBytes([3, 10_001], 5);
  const other = seededBytes([3, 10_001], 6);
  assertEquals(again.dataSync(), values);
  assertNotEquals(other.dataSync(), values);
  tf.dispose([x, again, other]);
});

tensorTest(
  "drawn() gives TensorFlow's bytes without TensorFlow, and seededMask() what of them is kept",
  () => {
    for (const seed of [0, 5, -7, 2 ** 31 - 1, -(2 ** 31)]) {
      for (const count of [1, 16, 1001]) {
        const expected = seededBytes([count], seed); // of TensorFlow's own generator
        assertEquals([...drawn(count, seed)], [...expected.dataSync()]);
        const kept = tf.tidy(() => tf.greaterEqual(expected, 26).dataSync());
        assertEquals([...seededMask(count, { seed, least: 26 })], [...kept]);
        expected.dispose();
      }
    }
  },
  { ignore: !onTensorFlow },
);
