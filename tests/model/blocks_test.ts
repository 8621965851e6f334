import { assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { type Blocks, blockVariables, openBlocks } from "../../lib/model/blocks.ts";
import type { Clip } from "../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../lib/model/encoders/clip_weights.ts";
import { dispose } from "../../lib/backend/tensors.ts";
import { tensorTest } from "../tensors.ts";
import { noise, tinyTower } from "./towers.ts";

const images = 2;

/** A loss of all blocks' outputs, so that a gradient comes to each block from above and from aside. */
function lossOf(blocks: Blocks, clip: Clip, x: tf.Tensor3D, seed?: number): tf.Scalar {
  let y = x;
  const losses: tf.Tensor[] = [];
  for (let i = 0; i < clip.config.layers; i++) {
    y = blocks.run(y, i, { training: seed !== undefined, seed });
    losses.push(tf.sum(tf.sin(y)));
  }
  return tf.addN(losses) as tf.Scalar;
}

function gradientsOf(blocks: Blocks, clip: Clip, x: tf.Tensor3D, seed?: number): Float32Array[] {
  const variables = new Set(clip.params.blocks.flatMap((_, i) => blockVariables(clip, i)));
  return tf.tidy(() =>
    tf.grads((x) => lossOf(blocks, clip, x as tf.Tensor3D, seed))([x, ...variables])
      .map((gradient) => gradient.dataSync() as Float32Array)
  );
}

for (const trained of ["norms", "all", "guidance"] as const) {
  tensorTest(`a recomputed block gives bit for bit the gradients of a kept one: ${trained}`, () => {
    const clip = tinyTower({ trained });
    const x = noise([images, 5, clip.config.width], 1);
    for (const seed of [undefined, 3]) {
      const [kept, recomputed] = [false, true].map((recompute) =>
        gradientsOf(openBlocks(clip, { recompute, dropoutRate: 0.5 }), clip, x, seed)
      );
      assertEquals(recomputed, kept);
    }
    dispose([clip, x]);
  });
}

tensorTest("a block's gradient is the slope of its loss, dropout's masks held", () => {
  const clip = tinyTower({ trained: "all" });
  const x = noise([images, 5, clip.config.width], 1);
  const blocks = openBlocks(clip, { dropoutRate: 0.5 });
  const { bias } = clip.params.blocks[0].cFc as unknown as { bias: tf.Variable };
  const [gradient] = tf.tidy(() =>
    tf.variableGrads(() => lossOf(blocks, clip, x, 3), [bias]).grads[bias.name].dataSync()
  );
  const start = tf.clone(bias);
  const slope = [-1, 1].map((sign) => {
    const step = tf.tensor1d(Float32Array.from({ length: bias.size }, (_, i) => i === 0 ? sign * 1e-2 : 0));
    const moved = tf.add(start, step);
    bias.assign(moved);
    tf.dispose([moved, step]);
    return sign * tf.tidy(() => lossOf(blocks, clip, x, 3).dataSync()[0]);
  }).reduce((a, b) => a + b) / 2e-2;
  assertLess(Math.abs(slope - gradient), 1e-2 * Math.abs(gradient) + 1e-2); // float32 sums of 640 numbers, over 0.02
  dispose([clip, x, start]);
});

tensorTest("between forward and backward a block keeps its input alone", () => {
  const clip = tinyTower({ trained: "norms" });
  const x = noise([images, 5, clip.config.width], 1);
  const blocks = openBlocks(clip);
  let held = 0;
  tf.dispose(
    tf.grads((x) => {
      const before = tf.memory().numDataBuffers;
      const y = lossOf(blocks, clip, x as tf.Tensor3D);
      held = tf.memory().numDataBuffers - before;
      return y;
    })([x]),
  );
  // Of each block its output, which is the next one's input, that one's sine and sum, and copies of what is saved on
  // WebAssembly; all that a block computes is some 50.
  assertLess(held, 8 * clip.config.layers);
  dispose([clip, x]);
});

tensorTest("a block that the gradient ends at computes none of its input", () => {
  const clip = tinyTower({ trained: "guidance" });
  const x = noise([images, 5, clip.config.width], 1);
  const blocks = openBlocks(clip);
  const variables = blockVariables(clip, 0);
  const gradients = (entering: boolean) =>
    tf.tidy(() => {
      const { grads } = tf.variableGrads(() => tf.sum(tf.sin(blocks.run(x, 0, { entering }))), variables);
      return variables.map(({ name }) => grads[name].dataSync());
    });
  assertEquals(gradients(true), gradients(false));
  const beside = tf.tidy(() =>
    tf.grad((x) => tf.add(x, blocks.run(x as tf.Tensor3D, 0, { entering: true })))(x).dataSync()
  );
  assertEquals(beside, new Float32Array(x.size).fill(1)); // that of the sum alone
  dispose([clip, x]);
});

tensorTest("openBlocks() refuses a tower that attends across the batch", () => {
  const sizes = { width: 32, layers: 1, heads: 2, imageSize: 32, patchSize: 16, embedDim: 8 };
  const clip = bindClip(randomClip(sizes, 0), { activation: "gelu", attendAcross: "batch" });
  assertThrows(() => openBlocks(clip), Error, "Cannot train a tower");
  dispose(clip);
});
