import { assertAlmostEquals, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { parse } from "csv-parse/sync";
import { join } from "node:path";
import { initBackend } from "../../../lib/backend/start.ts";
import { dispose } from "../../../lib/backend/tensors.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { createRandom } from "../../../lib/base/random.ts";
import { loadImage } from "../../../lib/images/image.ts";
import { embed, toPixels } from "../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import type { RunInput } from "../../../lib/runs/config/config.ts";
import { evaluateRun } from "../../../lib/runs/evaluate.ts";
import { loadCarded } from "../../../lib/runs/folder/card.ts";
import { savePth } from "../../../lib/weights/pth.ts";
import { saveSafetensors } from "../../../lib/weights/safetensors.ts";
import { writePictures } from "../../folders.ts";

await initBackend();
const root = await Deno.makeTempDir();
const test = await writePictures(join(root, "test"), { videos: 3, seed: 1 });
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

/** A small tower whose embedding is as wide as ViT-L/14's. */
const sizes = { width: 64, layers: 2, heads: 1, imageSize: 224, patchSize: 32, embedDim: 768 };
const tower = randomClip(sizes, 0);
const clipWeights = join(root, "clip.safetensors");
await saveSafetensors(clipWeights, tower);

const random = createRandom(0, "UnivFD");
const weight = Float32Array.from({ length: 768 }, () => random.normal());
const bias = Float32Array.of(0.25);
const checkpoint = join(root, "fc_weights.pth");
await savePth(
  checkpoint,
  new Map([
    ["weight", { dtype: "float32", shape: [1, 768], data: weight }],
    ["bias", { dtype: "float32", shape: [1], data: bias }],
  ]),
);

const input: RunInput = {
  ...{ out: join(root, "runs"), test: [`faces=${test.real},${test.fake}`], cache: false },
  ...{ clipWeights, precision: "float32", jpegQualities: [] },
};
const options = { checkpoint, named: true, into: join(root, "results") };

Deno.test("evaluateRun() runs the linear layer that UniversalFakeDetect's authors released, on images prepared as they do", async () => {
  const report = await evaluateRun(input, options);
  const { detector, tap, fit, activation, clip } = report.config;
  assertEquals([detector, tap, fit, activation, clip], [
    "linear-probe",
    "embedding",
    "pad",
    "quickgelu",
    "ViT-L-14",
  ]);
  assertMatch(report.warnings.join("\n"), /is UnivFD, released by its authors/);
  assertMatch(report.warnings.join("\n"), /trained on ProGAN images of 20 classes of things, not on faces/);
  const rows: Record<string, string>[] = parse(
    await Deno.readTextFile(join(options.into, "predictions.csv")),
    { columns: true },
  );
  const model = bindClip(tower, { activation: "quickgelu", attendAcross: "tokens" });
  for (const { path, label, score } of rows) {
    const file = join(label === "1" ? test.fake : test.real, "..", path);
    const pixels = toPixels([await loadImage(file, { fit: "pad" })], 224);
    const embedding = embed(model, pixels);
    const x = embedding.dataSync();
    const logit = weight.reduce((sum, w, i) => sum + w * x[i], bias[0]);
    // A graph and op by op sum in another order, over 768 numbers of weight 1.
    assertAlmostEquals(Number(score), 1 / (1 + Math.exp(-logit)), 1e-4, path);
    dispose([pixels, embedding]);
  }
  dispose(model);
});

Deno.test("evaluateRun() refuses what UnivFD was not trained with", async () => {
  await assertRejects(
    () => evaluateRun({ ...input, fit: "resize" }, options),
    InputError,
    "expected --fit pad, which it was trained with, but found --fit resize",
  );
  await assertRejects(
    () => evaluateRun({ ...input, activation: "gelu" }, options),
    InputError,
    "expected --activation quickgelu",
  );
  const other = join(root, "small.safetensors");
  await saveSafetensors(other, randomClip({ ...sizes, embedDim: 512 }, 0));
  await assertRejects(
    () => evaluateRun({ ...input, clipWeights: other }, options),
    InputError,
    "expected the CLIP ViT-L-14, which it was trained on, but found width 512",
  );
  const large = join(root, "large.safetensors");
  await saveSafetensors(large, randomClip({ ...sizes, imageSize: 256 }, 0));
  await assertRejects(
    () => evaluateRun({ ...input, clipWeights: large }, options),
    InputError,
    "expected images prepared as it was trained",
  );
});

Deno.test("loadCarded() leaves files alone whose names are no published detector's", async () => {
  assertEquals((await loadCarded(clipWeights)).card, undefined);
});
