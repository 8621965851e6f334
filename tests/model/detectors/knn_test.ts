import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../../lib/base/errors.ts";
import { knn, knnScores } from "../../../lib/model/detectors/knn.ts";
import { tensorTest } from "../../tensors.ts";
import probes from "../../fixtures/probes.json" with { type: "json" };

for (const [k, expected] of Object.entries(probes.knn)) {
  Deno.test(`knnScores() matches scikit-learn at k = ${k}`, () => {
    assertEquals([...knnScores(probes, probes.test, { k: Number(k) })], expected);
  });
}

Deno.test("knnScores() looks at directions alone, takes the first of equals, and zeros as orthogonal", () => {
  const training = { features: [[2, 0], [1, 0], [0, 5], [0, 0], [-1, 0]], labels: [1, 0, 1, 0, 1] };
  const score = (row: number[], k: number) => knnScores(training, [row], { k })[0];
  assertEquals(score([1, 0], 1), 1); // the first of the two that point there
  assertEquals(score([1, 0], 2), 1 / 2);
  assertEquals(score([1, 0], 3), 2 / 3); // [0, 5] before [0, 0], of equal cosine
  assertEquals(score([1, 0], 4), 2 / 4);
  assertEquals(score([0, 0], 5), 3 / 5);
  assertEquals(score([1, 0.001], 1), score([1000, 1], 1));
});

Deno.test("knnScores() refuses more neighbours than there are, and other widths", () => {
  const training = { features: [[1, 0], [0, 1]], labels: [0, 1] };
  for (const k of [0, 3, 1.5]) {
    assertThrows(
      () => knnScores(training, [[1, 1]], { k }),
      InputError,
      `expected k from 1 to the 2 training samples but found ${k}`,
    );
  }
  assertThrows(() => knnScores(training, [[1]], { k: 1 }), InputError, "expected 2 features but found 1");
  assertThrows(() => knnScores({ ...training, labels: [0] }, [[1, 1]], { k: 1 }), InputError, "2 labels");
});

tensorTest("a kNN scores as knnScores() does, and again from its file's state", async () => {
  const features = Float32Array.from(probes.features.flat());
  const labels = Uint8Array.from(probes.labels);
  const shape = [probes.features[0].length];
  const detector = knn.fit({ tap: "clsToken", neighbours: 9 }, { features, shape, labels });
  const again = knn.bind(detector.state(), { neighbours: 9 });
  const test = tf.tensor2d(probes.test);
  assertEquals([...await detector.scores(test)], probes.knn[9]);
  assertEquals([...await again.scores(test)], probes.knn[9]);
  assertEquals(again.sizes, { dim: shape[0], neighbours: 9 });
  assertThrows(() => knn.bind(detector.state(), { neighbours: 121 }), InputError, "121");
  test.dispose();
  detector.close();
  again.close();
});
