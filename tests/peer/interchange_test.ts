import { assert, assertEquals, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { initBackend } from "../../lib/backend/start.ts";
import { evaluateRun } from "../../lib/runs/evaluate.ts";
import { wholeModel } from "../../lib/model/detectors/export.ts";
import { trainRun } from "../../lib/runs/train.ts";
import { resolveConfig } from "../../lib/runs/config/config.ts";
import { InputError } from "../../lib/base/errors.ts";
import { randomClip } from "../../lib/model/encoders/clip_weights.ts";
import { bindForgeLens, logits } from "../../lib/model/detectors/notebook_head.ts";
import { dispose } from "../../lib/backend/tensors.ts";
import { loadStateDict } from "../../lib/weights/load.ts";
import { saveSafetensors } from "../../lib/weights/safetensors.ts";
import type { StateDict } from "../../lib/weights/state.ts";
import { createRandom } from "../../lib/base/random.ts";
import { writePictures } from "../folders.ts";
import { worstDifference } from "../tensors.ts";
import { pythonWith } from "./python.ts";
import { withoutChosen } from "./results.ts";

const python = pythonWith("torch", "safetensors");

/** A small CLIP with a text tower: the names of the whole model, 32-pixel patches of a 224-pixel image. */
function smallClip(): StateDict {
  const dict = randomClip({ width: 64, layers: 2, heads: 1, imageSize: 224, patchSize: 32, embedDim: 16 }, 0);
  const text = (shape: number[]) => ({
    dtype: "float32",
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5),
  });
  return dict.set("token_embedding.weight", text([10, 8])).set("positional_embedding", text([4, 8]))
    .set("ln_final.weight", text([8])).set("text_projection", text([8, 16])).set("logit_scale", text([]))
    .set("transformer.resblocks.0.ln_1.weight", text([8]));
}

Deno.test("wholeModel() adds CLIP under the reference's names, without OpenAI's plain numbers, and wants all of it", () => {
  const number = { dtype: "int64", shape: [], data: BigInt64Array.of(224n) };
  const clip = smallClip().set("input_resolution", number);
  const whole = wholeModel(new Map([["cls_head.bias", number]]), clip);
  assertEquals(whole.size, clip.size);
  assert(whole.has("extractor.clip.visual.proj") && whole.has("cls_head.bias"));
  const tower = new Map([...clip].filter(([key]) => key.startsWith("visual.")));
  assertThrows(() => wholeModel(new Map(), tower), InputError, "expected all of CLIP, text tower too");
});

Deno.test("a trained run exports the whole model, which evaluates like the run itself", async () => {
  await inRun(async ({ config, folder }) => {
    const own = await evaluateRun(config);
    assertStringIncludes(own.encoder, "CLIP of width 64");
    for (const file of ["model-full.safetensors", "model-full.pth"]) {
      const report = await evaluateRun({ ...config, clipWeights: undefined }, {
        checkpoint: join(folder, file),
        into: join(folder, "again"),
      });
      const precision = own.encoder.split(", ").at(-1); // the machine's choice
      assertEquals(report.encoder, `CLIP from the checkpoint, ${precision}`);
      assertEquals(report.results, own.results);
    }
  });
});

Deno.test({
  name: `PyTorch loads both files strictly, gives the same logits, and its own file evaluates here${
    python ? "" : " (skipped: no Python with torch and safetensors; set FORGELENS_PYTHON)"
  }`,
  ignore: python === undefined,
  fn: async () => {
    await inRun(async ({ config, folder }) => {
      const random = createRandom("interchange");
      const data = Float32Array.from({ length: 3 * 50 * 64 }, random.normal);
      await saveSafetensors(
        join(folder, "tokens.safetensors"),
        new Map([["tokens", { dtype: "float32", shape: [3, 50, 64], data }]]),
      );
      await saveSafetensors(join(folder, "clip.safetensors"), smallClip());
      const script = join(import.meta.dirname!, "interchange.py");
      const { success, stderr } = await new Deno.Command(python!, {
        args: [script, folder, `${config.heads}`],
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const theirs = await loadStateDict(join(folder, "logits.safetensors"));
      const model = bindForgeLens(await loadStateDict(join(folder, "model.safetensors")), {
        heads: config.heads,
      });
      const tokens = tf.tensor3d(data, [3, 50, 64]);
      const ours = tf.tidy(() => logits(model, tokens).dataSync());
      for (const [name, { data }] of theirs) {
        // Float32 sums in another order; the contract says 1e-4.
        assertLess(worstDifference(ours, data as Float32Array), 1e-4, name);
      }
      tokens.dispose();
      dispose(model);
      const own = await evaluateRun(config);
      const report = await evaluateRun({ ...config, clipWeights: undefined }, {
        checkpoint: join(folder, "reference.pth"),
        into: join(folder, "reference"),
      });
      assertEquals(report.results, withoutChosen(own.results));
    }, { precision: "float32" }); // which PyTorch's file, that says nothing of it, is tested in
  },
});

type Run = { readonly config: ReturnType<typeof resolveConfig>; readonly folder: string };

/** Trains one epoch on a few pictures with the small CLIP, and removes it all afterwards. */
async function inRun(
  body: (run: Run) => Promise<void>,
  { precision = "auto" }: { readonly precision?: "auto" | "float32" } = {},
): Promise<void> {
  await initBackend();
  const root = await Deno.makeTempDir();
  try {
    await saveSafetensors(join(root, "clip.safetensors"), smallClip());
    const config = resolveConfig({
      ...await writePictures(join(root, "faces"), { videos: 6 }),
      ...{ out: root, run: "run", clipWeights: join(root, "clip.safetensors"), exportFull: true, pth: true },
      ...{ epochs: 1, feedForward: 32, depth: 1, heads: 4, jpegQualities: [], precision },
    });
    for await (const _ of trainRun(config));
    await body({ config, folder: join(root, "run") });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
