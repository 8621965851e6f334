import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Detector } from "../../lib/model/detectors/detector.ts";
import { bindLnTuned } from "../../lib/model/detectors/ln_tuned.ts";
import { bindPublished } from "../../lib/model/detectors/published/bind_published.ts";
import { gradientsOf } from "../../lib/training/eager.ts";
import { losses } from "../../lib/training/losses/mod.ts";
import type { Loss } from "../../lib/training/losses/loss.ts";
import { openTrainer } from "../../lib/training/trainer.ts";
import { loadStateDict } from "../../lib/weights/load.ts";
import type { StateDict } from "../../lib/weights/state.ts";
import { tensorOf, tensorTest, worstDifference } from "../tensors.ts";
import { pythonWith } from "./python.ts";

const python = pythonWith("torch", "open_clip", "safetensors");

/** FORGELENS_SEED draws other sizes. */
const seed = Deno.env.get("FORGELENS_SEED") ?? "0";

tensorTest(
  `LN-tuned and published towers of sizes drawn from a seed learn as in PyTorch${
    python ? "" : " (skipped: no Python with torch, open_clip and safetensors; set FORGELENS_PYTHON)"
  }`,
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { success, stderr } = await new Deno.Command(python!, {
        args: [join(import.meta.dirname!, "towers.py"), folder, seed],
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const { tuned, published } = JSON.parse(await Deno.readTextFile(join(folder, "cases.json")));
      for (const [i, c] of tuned.entries()) {
        const weights = await loadStateDict(join(folder, `tuned${i}.safetensors`));
        const expected = await loadStateDict(join(folder, `tuned${i}.expected.safetensors`));
        const loss: Loss = (output, labels) =>
          tf.tidy(() => {
            const first = tf.slice(output.embedding!, [0, 0], [-1, 1]);
            return tf.add(losses.crossEntropy(output, labels), tf.mean(first)) as tf.Scalar;
          });
        await compare(bindLnTuned(weights, c), expected, {
          ...{ what: JSON.stringify(c), loss, labels: c.labels, losses: c.losses },
          optimizer: { kind: "adamw", learningRate: 1e-3, weightDecay: 0.01 },
        });
      }
      for (const [i, c] of published.entries()) {
        const weights = await loadStateDict(join(folder, `published${i}.pth`));
        const all = await loadStateDict(join(folder, `published${i}.expected.safetensors`));
        for (const stage of [1, 2] as const) {
          const prefix = `stage${stage}.`;
          const ofStage = [...all].filter(([key]) => key.startsWith(prefix));
          const expected: StateDict = new Map([
            ["image", all.get("image")!],
            ...ofStage.map(([key, value]) => [key.slice(prefix.length), value] as const),
          ]);
          await compare(bindPublished(weights, { ...c, stage }), expected, {
            ...{ what: JSON.stringify({ stage, ...c }), loss: losses.binaryCrossEntropy, labels: c.labels },
            losses: c[`stage${stage}Losses`],
            optimizer: { kind: "adam", learningRate: 1e-3 },
          });
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
  { ignore: python === undefined },
);

/** Holds a detector's gradients and three steps against PyTorch's, and closes it. */
async function compare(detector: Detector, expected: StateDict, options: {
  readonly what: string;
  readonly loss: Loss;
  readonly labels: readonly number[];
  readonly losses: readonly number[];
  readonly optimizer: Parameters<typeof openTrainer>[1]["optimizer"];
}): Promise<void> {
  const { what, loss, labels, optimizer } = options;
  const input = tf.tidy(() => tf.transpose(tensorOf<tf.Tensor4D>(expected, "image"), [0, 2, 3, 1]));
  const { gradients } = await gradientsOf(detector, input, { labels, loss });
  const keys = [...expected.keys()].filter((key) => key.startsWith("grad."));
  assertEquals(new Set(gradients.keys()), new Set(keys.map((key) => key.slice("grad.".length))), what);
  for (const key of keys) {
    const values = expected.get(key)!.data as Float32Array;
    // Float32 sums in another order than PyTorch's, through up to four layers and back; gradients are up to a few units.
    assertLess(worstDifference(gradients.get(key.slice("grad.".length))!, values), 1e-4, `${key} of ${what}`);
  }
  const trainer = await openTrainer(detector, { loss, optimizer });
  for (const expected of options.losses) {
    assertLess(Math.abs(await trainer.step({ input, labels }) - expected), 1e-4, what);
  }
  trainer.close();
  const after = tf.tidy(() => detector.forward(input, { training: false }).logits.dataSync());
  // Adam makes a gradient that is rounding alone into whole steps of 1e-3, of either sign.
  assertLess(worstDifference(after, expected.get("logits3")!.data as Float32Array), 1e-2, what);
  detector.close();
  input.dispose();
}
