import { assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../../../lib/base/errors.ts";
import {
  bindPaper,
  paperClsTokens,
  paperLogit,
} from "../../../../lib/model/detectors/published/published.ts";
import { dispose } from "../../../../lib/backend/tensors.ts";
import type { StateDict } from "../../../../lib/weights/state.ts";
import { arrays, fixture, tensorOf, tensorTest, worstDifference } from "../../../tensors.ts";

const weights = await arrays("paper_stage2.pth");
const expected = await arrays("paper_expected.safetensors");
const { heads, wsgmCount, faformerHeads } = JSON.parse(await Deno.readTextFile(fixture("paper.json")));
const options = { heads, wsgmCount, faformerHeads };
const values = (key: string) => expected.get(key)!.data as Float32Array;
const some = { dtype: "float32", shape: [1], data: new Float32Array(1) };

// Float32 sums in another order than PyTorch's, through three layers: 3e-6 was seen (8e-6 through ViT-L/14's 24).
const tolerance = 2e-5;

/** The fixture's images, which PyTorch keeps channels first. */
function images(): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tensorOf<tf.Tensor4D>(expected, "image"), [0, 2, 3, 1]));
}

tensorTest("paperLogit() and paperClsTokens() match the official code in both stages", () => {
  const model = bindPaper(weights, options);
  const pixels = images();
  const clsTokens = paperClsTokens(model, pixels);
  const [B, L, E] = clsTokens.shape;
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
  "bindPaper() gives every block its own module, and leaves the rest unused, when modules outnumber blocks",
  () => {
    const tower = "backbone.backbone.visual.transformer";
    const many: StateDict = new Map(weights);
    for (const [key, value] of weights) {
      const name = key.split(`${tower}.WSGM_modules.0.`)[1];
      if (name === undefined) continue;
      for (let i = 0; i < 5; i++) {
        const own = weights.get(`${tower}.resblocks.${i}.wsgm_module.${name}`);
        many.set(`${tower}.WSGM_modules.${i}.${name}`, own ?? value);
      }
    }
    const model = bindPaper(many, { ...options, wsgmCount: 5 });
    const pixels = images();
    assertLess(worstDifference(paperLogit(model, pixels, { stage: 2 }), values("stage2.logit")), tolerance);
    pixels.dispose();
    dispose(model);
  },
);

tensorTest("bindPaper() ignores the text tower, with its own guidance modules, alone", () => {
  const text: StateDict = new Map(weights);
  for (
    const key of [
      "transformer.resblocks.0.ln_1.weight",
      "transformer.resblocks.0.wsgm_module.up.bias",
      "transformer.WSGM_modules.7.up.bias",
      "token_embedding.weight",
      "positional_embedding",
      "ln_final.bias",
      "text_projection",
      "logit_scale",
    ]
  ) text.set(`backbone.backbone.${key}`, some);
  dispose(bindPaper(text, options));
});

tensorTest("bindPaper() lists every missing, unexpected and misshaped key in one error", () => {
  const wrong: StateDict = new Map(weights);
  wrong.delete("fc.1.bias");
  wrong.set("extra", some).set("backbone.backbone.extra", some).set("cls_token", some);
  const { message } = assertThrows(() => bindPaper(wrong, options), InputError);
  for (const part of ["1 missing: fc.1.bias", "2 unexpected: extra, backbone.backbone.extra", "cls_token"]) {
    assertStringIncludes(message, part);
  }
});

tensorTest("bindPaper() names every copy of a shared guidance module that differs from it", () => {
  const changed: StateDict = new Map(weights);
  for (const name of ["resblocks.1.wsgm_module.up.bias", "resblocks.2.wsgm_module.down.weight"]) {
    const key = `backbone.backbone.visual.transformer.${name}`;
    const { data, ...rest } = weights.get(key)!;
    changed.set(key, { ...rest, data: (data as Float32Array).map((v) => v + 1) });
  }
  const { message } = assertThrows(() => bindPaper(changed, options), InputError);
  assertStringIncludes(message, "found 2 that differ");
  assertStringIncludes(message, "resblocks.1.wsgm_module.up.bias (of transformer.WSGM_modules.0.up.bias)");
  assertStringIncludes(
    message,
    "resblocks.2.wsgm_module.down.weight (of transformer.WSGM_modules.1.down.weight)",
  );
});

tensorTest("bindPaper() refuses counts that the weights do not have or allow", () => {
  assertThrows(() => bindPaper(weights, { ...options, wsgmCount: 3 }), InputError, "WSGM_modules.2.");
  assertThrows(() => bindPaper(weights, { ...options, wsgmCount: 1 }), InputError, "WSGM_modules.1.");
  assertThrows(() => bindPaper(weights, { ...options, wsgmCount: 0 }), InputError, "1 or more but found 0");
  assertThrows(
    () => bindPaper(weights, { ...options, faformerHeads: 3 }),
    InputError,
    "3 heads of FAFormer divide",
  );
  assertThrows(() => bindPaper(weights, { ...options, heads: 5 }), Error, "5 heads");
});
