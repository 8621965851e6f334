import { assertEquals, assertGreater, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { createGraph } from "../../lib/backend/graph.ts";
import { onnxModel } from "../../lib/backend/onnx/model.ts";
import { DTYPE } from "../../lib/backend/raw.ts";
import { initBackend } from "../../lib/backend/start.ts";
import { dispose } from "../../lib/backend/tensors.ts";
import { createForgeLens, headDetector } from "../../lib/model/detectors/notebook_head.ts";
import { encodeTokens } from "../../lib/model/encoders/clip.ts";
import { encoderDigest } from "../../lib/model/encoders/clip_graph.ts";
import { compileOnnx, openOnnx } from "../../lib/model/encoders/clip_onnx.ts";
import type { CompiledTower } from "../../lib/model/encoders/encoder.ts";
import { encoders } from "../../lib/model/encoders/mod.ts";
import { openTower } from "../../lib/model/encoders/open.ts";

const backend = await initBackend({ backend: "onnx" });
const settings = { activation: "quickgelu", attendAcross: "tokens" } as const;

/** Images of seeded noise, as RGB bytes. */
function images(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, seed) => {
    const values = tf.tidy(() => tf.randomUniform([224 * 224 * 3], 0, 256, "int32", seed + 1).dataSync());
    return Uint8Array.from(values);
  });
}

/** How far a is from b, as a share of b's length over all numbers. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assertEquals(a.length, b.length);
  let [away, length] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    away += (a[i] - b[i]) ** 2;
    length += b[i] ** 2;
  }
  return Math.sqrt(away / length);
}

Deno.test("the onnx backend says what computes what", () => {
  assertEquals([backend.name, tf.getBackend()], ["onnx", "wasm"]);
  assertStringIncludes(backend.device, "CPU (onnxruntime, ");
  assertStringIncludes(backend.device, "beside it WebAssembly");
});

for (const name of ["demo", "demo-tower"] as const) {
  Deno.test(`onnxruntime's tokens of the encoder ${name} are within 1e-4 of those op by op, each image's its own`, async () => {
    const tower = await encoders[name].bind({ settings });
    const expected = tf.tidy(() => encodeTokens(tower.clip!, tower.pixels(images(3))).dataSync());
    const encoder = await openTower(tower, { precision: "auto" });
    assertEquals([encoder.precision, encoder.warning], ["float32", tower.warning]); // not op by op after all
    const [one, two, three] = images(3);
    const tokens = await encoder.trunk("tokens").features([one, two, three]);
    assertLess(distance(tokens.dataSync(), expected), 1e-4);
    const turned = await encoder.trunk("tokens").features([three, one]);
    assertEquals(
      tf.tidy(() => tf.slice(turned, [1, 0, 0], [1, -1, -1]).dataSync()),
      tf.tidy(() => tf.slice(tokens, [0, 0, 0], [1, -1, -1]).dataSync()),
    );
    dispose([tokens, turned]);
    encoder.close();
  });
}

Deno.test("compileOnnx() leaves the tokens to WebAssembly where onnxruntime's differ or come later, and says so", async () => {
  const tower = await encoders.demo.bind({ settings });
  const clip = tower.clip!;
  const fast = await openOnnx(clip);
  const slow = await openOnnx(clip);
  const after = (tokens: tf.Tensor3D, change: number) => tf.tidy(() => tf.add(tokens, change) as tf.Tensor3D);
  const opByOp = (change: number, wait: number): CompiledTower => ({
    ...slow,
    tokens: async (pixels) => {
      await new Promise((resolve) => setTimeout(resolve, wait));
      const tokens = await slow.tokens(pixels);
      const changed = after(tokens, change);
      tokens.dispose();
      return changed;
    },
  });
  const folder = await Deno.makeTempDir();
  const compiled = async (standIn: CompiledTower) => {
    const found = await compileOnnx(clip, { opByOp: standIn, digest: crypto.randomUUID(), folder });
    return found.note;
  };
  const long = 2000; // milliseconds, for what takes a tenth
  assertEquals(await compiled(opByOp(0, long)), undefined);
  assertEquals(
    await compiled(opByOp(1e-3, long)),
    "WebAssembly makes the tokens: onnxruntime's tokens are 6e-4 of their length away, more than 0.0001.",
  );
  const instant = { ...slow, tokens: () => Promise.resolve(known.clone() as tf.Tensor3D) };
  const pixels = tf.zeros<tf.Rank.R4>([1, 224, 224, 3]);
  const known = await slow.tokens(pixels);
  assertEquals(await compiled(instant), "WebAssembly makes the tokens: onnxruntime is slower here.");
  await Deno.remove(folder, { recursive: true });
  dispose([fast, slow, known, pixels]);
  tower.close();
});

Deno.test("tokens by onnxruntime are kept under float32's name: they differ by rounding alone", async () => {
  const tower = await encoders.demo.bind({ settings });
  const expected = encoderDigest(tower.clip!, "float32");
  const encoder = await openTower(tower, { precision: "auto" });
  assertEquals(encoder.trunk("tokens").digest, expected);
  encoder.close();
});

Deno.test("a head's scores by onnxruntime are those of its logits op by op, after its weights have changed too", async () => {
  const model = createForgeLens({ dim: 24, heads: 3, depth: 2, feedForward: 40, dropout: 0.2 }, 0);
  const detector = headDetector(model);
  const tokens = tf.randomNormal<tf.Rank.R3>([4, 9, 24], 0, 1, "float32", 1);
  const check = async () => {
    const expected = tf.tidy(() => {
      const { logits } = detector.forward(tokens, { training: false });
      return tf.slice(tf.softmax(logits), [0, 1], [-1, 1]).dataSync();
    });
    const scores = await detector.scores(tokens);
    assertLess(distance(scores, expected), 1e-6);
    return scores;
  };
  const before = await check();
  for (const weight of model.weights.values()) {
    const changed = tf.mul(weight, 1.5);
    weight.assign(changed);
    changed.dispose();
  }
  const after = await check();
  assertGreater(Math.abs(after[0] - before[0]), 1e-3);
  tokens.dispose();
  detector.close();
});

Deno.test("onnxModel() refuses an op that it does not know, and a dtype", () => {
  const graph = createGraph();
  const x = graph.input("x", { dtype: DTYPE.float32, shape: [2] });
  const known = graph.op("Bitcast", [x]);
  assertThrows(
    () => onnxModel(graph, { outputs: [known], held: new Map() }),
    Error,
    "Cannot write an ONNX model: expected ops in float32 but found Bitcast",
  );
  const low = graph.op("Identity", [graph.input("low", { dtype: DTYPE.bfloat16, shape: [2] })]);
  assertThrows(
    () => onnxModel(graph, { outputs: [low], held: new Map() }),
    Error,
    "expected float32, int32 or uint8 but found dtype 14",
  );
});

Deno.test("graphs compute the same by onnxruntime as op by op: encoders, and the head's training", async () => {
  const files = ["model/encoders/clip_graph_test.ts", "training/trainer_test.ts"];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", ...files.map((file) => join(import.meta.dirname!, "..", file))],
    env: { FORGELENS_TEST_BACKEND: "onnx", NO_COLOR: "1" },
  }).output();
  const output = new TextDecoder().decode(stdout);
  assertEquals(success, true, output + new TextDecoder().decode(stderr));
  assertGreater(Number(/^ok \| (\d+) passed/m.exec(output)?.[1]), 10, output);
});
