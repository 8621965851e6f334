import { assertAlmostEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { createForgeLens, headDetector } from "../../../lib/model/detectors/notebook_head.ts";
import { focal } from "../../../lib/training/losses/focal.ts";
import { openTrainer } from "../../../lib/training/trainer.ts";
import { tensorTest } from "../../tensors.ts";

tensorTest("focal() weighs each label's cross-entropy by the square of what its probability lacks", () => {
  // Probabilities of the labels: 3/4, 1/2 and 1/4.
  const logits = tf.tensor2d([[0, Math.log(3)], [1, 1], [0, Math.log(3)]]);
  const loss = focal({ logits }, [1, 0, 0]);
  const wanted = (Math.log(4 / 3) / 16 + Math.log(2) / 4 + Math.log(4) * 9 / 16) / 3;
  assertAlmostEquals(loss.dataSync()[0], wanted, 1e-6); // float32
  tf.dispose([logits, loss]);
});

tensorTest("focal() has no gradient where a label is certain, however large the logits", () => {
  const logits = tf.tensor2d([[-100, 100]]);
  const gradient = tf.grad((x) => focal({ logits: x as tf.Tensor2D }, [1]))(logits);
  for (const value of gradient.dataSync()) assertAlmostEquals(value, 0, 1e-12);
  tf.dispose([logits, gradient]);
});

tensorTest("a head learns by focal loss", async () => {
  const detector = headDetector(
    createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 0),
  );
  const trainer = await openTrainer(detector, {
    loss: focal,
    optimizer: { kind: "adamw", learningRate: 1e-3 },
    shape: [3, 16],
  });
  const input = tf.randomNormal([4, 3, 16], 0, 1, "float32", 1);
  const losses: number[] = [];
  for (let step = 0; step < 40; step++) losses.push(await trainer.step({ input, labels: [0, 1, 0, 1] }));
  assertLess(losses.at(-1)!, losses[0] / 2);
  trainer.close();
  detector.close();
  input.dispose();
});
