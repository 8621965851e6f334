import { assertEquals, assertMatch } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { forgeLensShapes } from "../../../lib/model/detectors/head_shapes.ts";
import { type NativeHead, openNativeHead } from "../../../lib/model/detectors/head_native.ts";
import { dispose } from "../../../lib/backend/tensors.ts";
import { natives } from "../../training/natives.ts";
import { tensorTest } from "../../tensors.ts";

const config = { dim: 64, heads: 2, depth: 2, feedForward: 96, dropout: 0.1 };

/** Puts weights in that are a function of nothing, and moments of 0. */
function fill(head: NativeHead): void {
  let phase = 0;
  for (const [key, shape] of forgeLensShapes(config)) {
    const length = shape.reduce((a, b) => a * b, 1);
    head.put(key, "weight", Float32Array.from({ length }, () => 0.1 * Math.sin(phase++)));
    for (const slot of ["m", "v"] as const) head.put(key, slot, new Float32Array(length));
  }
}

for (const { engine, precision, missing } of natives) {
  tensorTest(
    `a native head's logits of an image depend on no other, on no number of threads, and on no step before (${engine}, ${precision})`,
    async () => {
      const tokens = tf.randomNormal([19, 23, config.dim], 0, 1, "float32", 1) as tf.Tensor3D;
      const some = [7, 8, 9].map((image) => tf.slice(tokens, [image], [1]) as tf.Tensor3D);
      const head = await openNativeHead(config, { tokens: 23, engine, precision, threads: 2 });
      fill(head);
      const all = await head.logits(tokens);
      const labels = Int32Array.from([0]);
      const draws = Int32Array.from({ length: 8 }, () => 26);
      await head.step({ tokens: some[0], labels, seeds: draws, leastKept: draws }); // which changes nothing
      assertEquals(await head.logits(tokens), all);
      head.close();
      const another = await openNativeHead(config, { tokens: 23, engine, precision, threads: 3 });
      fill(another);
      for (const [i, image] of some.entries()) {
        assertEquals(await another.logits(image), all.slice(2 * (7 + i), 2 * (8 + i)));
      }
      another.close();
      dispose([tokens, some]);
    },
    { ignore: missing },
  );

  tensorTest(
    `a native head's logits are no number where a weight is none (${engine}, ${precision})`,
    async () => {
      const tokens = tf.randomNormal([2, 23, config.dim], 0, 1, "float32", 1) as tf.Tensor3D;
      const head = await openNativeHead(config, { tokens: 23, engine, precision });
      for (const key of forgeLensShapes(config).keys()) {
        fill(head);
        const values = head.get(key, "weight");
        values[0] = NaN; // a query's reaches the logits through softmax alone, a hidden number's through ReLU
        head.put(key, "weight", values);
        const both = await head.logits(tokens);
        assertEquals(both.some(Number.isNaN), true, key);
      }
      head.close();
      tokens.dispose();
    },
    { ignore: missing },
  );

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
        fill(head);
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

Deno.test("compileHeads() tells whoever opens a head what it could not compile, and ends no process", async () => {
  const empty = await Deno.makeTempDir();
  const home = new URL("../../../", import.meta.url);
  const code = `
    import { compileHeads, nativeHeadFault } from "./lib/model/detectors/head_native.ts";
    compileHeads();
    console.log(await nativeHeadFault(${JSON.stringify(config)}, { precision: "float32" }));
  `;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", code],
    cwd: home,
    env: { PATH: empty, XDG_CACHE_HOME: empty, CXX: "" },
  }).output();
  await Deno.remove(empty, { recursive: true });
  assertEquals(success, true);
  assertMatch(
    new TextDecoder().decode(stdout),
    /^expected (a C\+\+ compiler but found none|Linux on an x86-64 CPU)/,
  );
});
