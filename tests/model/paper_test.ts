import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { bindPaper, paperClsTokens, paperImage, paperLogit } from "../../lib/model/paper.ts";
import { dispose } from "../../lib/model/tensors.ts";
import type { StateDict } from "../../lib/model/weights.ts";
import { arrays, fixture, tensorOf, tensorTest, worstDifference } from "../tensors.ts";

const weights = await arrays("paper_stage2.pth");
const expected = await arrays("paper_expected.safetensors");
const { heads, wsgmCount, faformerHeads } = JSON.parse(await Deno.readTextFile(fixture("paper.json")));
const options = { heads, wsgmCount, faformerHeads };
const values = (key: string) => expected.get(key)!.data as Float32Array;

tensorTest("paperLogit() and paperClsTokens() match the official code in both stages", () => {
  const model = bindPaper(weights, options);
  const pixels = tf.tidy(() => tf.transpose(tensorOf<tf.Tensor4D>(expected, "image"), [0, 2, 3, 1]));
  const clsTokens = paperClsTokens(model, pixels);
  const [B, L, E] = clsTokens.shape;
  // Float32 sums in another order than PyTorch's, through three layers: 3e-6 was seen.
  const tolerance = 2e-5;
  assertLess(worstDifference(clsTokens.dataSync(), values("stage2.cls_tokens")), tolerance);
  const embedding = tf.tidy(() =>
    tf.reshape(tf.slice(clsTokens, [0, L - 1, 0], [-1, 1, -1]), [B, E]).dataSync()
  );
  assertLess(worstDifference(embedding, values("stage1.embedding")), tolerance);
  assertLess(worstDifference(paperLogit(model, pixels, { stage: 1 }), values("stage1.logit")), tolerance);
  assertLess(worstDifference(paperLogit(model, pixels, { stage: 2 }), values("stage2.logit")), tolerance);
  tf.dispose([pixels, clsTokens]);
  dispose(model);
});

tensorTest(
  "bindPaper() ignores the text tower alone, and lists every other key that is wrong in one error",
  () => {
    const some = { dtype: "float32", shape: [1], data: new Float32Array(1) };
    const text: StateDict = new Map([...weights, [
      "backbone.backbone.transformer.resblocks.0.ln_1.weight",
      some,
    ]]);
    dispose(bindPaper(text.set("backbone.backbone.logit_scale", some), options));
    const wrong: StateDict = new Map(weights);
    wrong.delete("fc.1.bias");
    wrong.set("extra", some).set("cls_token", some);
    const { message } = assertThrows(() => bindPaper(wrong, options));
    for (const key of ["fc.1.bias", "extra", "cls_token"]) assert(message.includes(key), message);
  },
);

tensorTest(
  "bindPaper() refuses copies of a shared guidance module that differ, and another count of modules",
  () => {
    const key = "backbone.backbone.visual.transformer.resblocks.1.wsgm_module.up.bias";
    const { data, ...rest } = weights.get(key)!;
    const changed: StateDict = new Map(weights).set(key, {
      ...rest,
      data: (data as Float32Array).map((v) => v + 1),
    });
    assertThrows(() => bindPaper(changed, options), Error, "resblocks.1.wsgm_module.up.bias to equal");
    assertThrows(() => bindPaper(weights, { ...options, wsgmCount: 3 }), Error, "WSGM_modules.2.");
  },
);

Deno.test("paperImage() cuts out the centre, rounding half to even as torchvision does", () => {
  const [width, height, size] = [7, 5, 4];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => i);
  const result = paperImage({ data, width, height }, size);
  // left = round(1.5) = 2, top = round(0.5) = 0.
  assertEquals(Array.from(result.subarray(0, 3)), [6, 7, 8]);
  assertEquals(Array.from(result.subarray(size * 3, size * 3 + 3)), [27, 28, 29]);
});

Deno.test("paperImage() tiles an image with a side below the size before it cuts", () => {
  const data = Uint8Array.of(1, 1, 1, 2, 2, 2, 3, 3, 3); // 3 × 1
  const result = paperImage({ data, width: 3, height: 1 }, 4);
  // Tiled to 6 × 4, cut from the second column on, in every row.
  const row = [2, 2, 2, 3, 3, 3, 1, 1, 1, 2, 2, 2];
  assertEquals(Array.from(result), [...row, ...row, ...row, ...row]);
});
