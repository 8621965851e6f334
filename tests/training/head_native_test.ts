import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { forgeLensShapes } from "../../lib/model/detectors/head_shapes.ts";
import { openNativeHead } from "../../lib/training/head_native.ts";
import { natives } from "./natives.ts";
import { tensorTest } from "../tensors.ts";

const config = { dim: 64, heads: 2, depth: 2, feedForward: 96, dropout: 0.1 };

for (const { engine, precision, missing } of natives) {
  tensorTest(
    `openNativeHead() gives the same numbers with any number of threads, bit for bit (${engine}, ${precision})`,
    async () => {
      const tokens = tf.randomNormal([7, 23, config.dim], 0, 1, "float32", 1) as tf.Tensor3D;
      const draws = Int32Array.from({ length: 8 }, (_, i) => i);
      const update = {
        keep: 0.99,
        beta1: 0.9,
        beta2: 0.999,
        stepSize: 1e-3,
        secondCorrection: 10,
        epsilon: 1e-8,
      };
      const results = [];
      for (const threads of [1, 2, 5, 5]) {
        const head = await openNativeHead(config, { tokens: 23, engine, precision, threads });
        let phase = 0;
        for (const [key, shape] of forgeLensShapes(config)) {
          const length = shape.reduce((a, b) => a * b, 1);
          head.put(key, "weight", Float32Array.from({ length }, () => 0.1 * Math.sin(phase++)));
          for (const slot of ["m", "v"] as const) head.put(key, slot, new Float32Array(length));
        }
        const batch = {
          tokens,
          labels: Int32Array.from([0, 1, 0, 1, 0, 1, 0]),
          seeds: draws,
          leastKept: draws,
        };
        const losses = [];
        for (let step = 0; step < 3; step++) losses.push(await head.step(batch, update));
        const weights = [...forgeLensShapes(config).keys()].map((key) => head.get(key, "weight"));
        results.push({ losses, weights });
        head.close();
      }
      for (const result of results.slice(1)) assertEquals(result, results[0]);
      tokens.dispose();
    },
    { ignore: missing },
  );
}
