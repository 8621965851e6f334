import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../../../lib/base/errors.ts";
import { createRandom } from "../../../../lib/base/random.ts";
import { linearProbe } from "../../../../lib/model/detectors/linear_probe.ts";
import { bindPaper } from "../../../../lib/model/detectors/published/published.ts";
import { releasedIn } from "../../../../lib/model/detectors/released/mod.ts";
import { randomClip } from "../../../../lib/model/encoders/clip_weights.ts";
import { dispose } from "../../../../lib/backend/tensors.ts";
import type { StateDict } from "../../../../lib/weights/state.ts";
import { toHuggingFace } from "../../../hugging_face.ts";
import { arrays, fixture, tensorTest } from "../../../tensors.ts";

/** A file's translation, which has to be one of a published detector. */
function translated(dict: StateDict, config?: unknown) {
  const found = releasedIn(dict)!;
  return found.kind.translate(found.dict, { path: "file.pth", config });
}

function drawn(key: string, shape: readonly number[]) {
  const random = createRandom(0, key);
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.05 * random.normal());
  return { dtype: "float32", shape: [...shape], data };
}

/** Under the names and in the shapes of pretrained_weights/fc_weights.pth in UniversalFakeDetect's repository. */
const univFd: StateDict = new Map([["weight", drawn("weight", [1, 768])], ["bias", drawn("bias", [1])]]);

tensorTest(
  "UnivFD's linear layer is a probe on the embedding that gives the sigmoid of its one logit",
  async () => {
    const { title, kind, dict, settings, ...rest } = translated(univFd);
    assertEquals([title, kind, settings], ["UnivFD", "linear-probe", { tap: "embedding" }]);
    assertEquals([rest.clip, rest.activation, rest.fit, rest.size, rest.hasTower], [
      "ViT-L-14",
      "quickgelu",
      "pad",
      224,
      false,
    ]);
    const probe = linearProbe.bind(dict);
    const { data: x } = drawn("features", [768]);
    const features = tf.tensor2d(x, [1, 768]);
    const [score] = await probe.scores(features);
    const [weight, bias] = ["weight", "bias"].map((key) => univFd.get(key)!.data as Float32Array);
    const logit = weight.reduce((sum, w, i) => sum + w * x[i], bias[0]);
    assertAlmostEquals(score, 1 / (1 + Math.exp(-logit)), 1e-6); // float32
    features.dispose();
    probe.close();
  },
);

Deno.test("releasedIn() takes only UnivFD's own shape for its linear layer, and knows none by other names", () => {
  for (const shape of [[1, 512], [2, 768], [768]]) {
    assertEquals(releasedIn(new Map(univFd).set("weight", drawn("weight", shape))), undefined, `${shape}`);
  }
  assertEquals(releasedIn(new Map(univFd).set("more", drawn("more", [1]))), undefined);
  assertEquals(releasedIn(new Map()), undefined);
});

const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
const tower: StateDict = new Map(
  [...randomClip(sizes, 3)].map(([key, value]) => [key.replace(/^visual\./, ""), value]),
);
const head: StateDict = new Map([
  ["model.linear.weight", drawn("weight", [2, 64])],
  ["model.linear.bias", drawn("bias", [2])],
]);

/** GenD under the names of src/hf/modeling_gend.py. */
const genD: StateDict = new Map([
  ...[...toHuggingFace(tower)].map(([key, value]) => [`feature_extractor.${key}`, value] as const),
  ...head,
]);
const config = { model_type: "GenD", backbone: "openai/clip-vit-large-patch14", head: "LinearNorm" };

Deno.test("GenD's checkpoint is a tuned tower under visual. with a head, normalised as its config.json says", () => {
  for (const [name, normalise] of [["LinearNorm", true], ["linear", false]] as const) {
    const found = translated(genD, { ...config, head: name });
    assertEquals([found.title, found.kind, found.fit, found.size], ["GenD", "ln-tuned", "clip", 32]);
    assertEquals(found.settings, { normalise });
    const wanted = new Map([...tower].map(([key, value]) => [`visual.${key}`, value]));
    wanted.set("head.weight", head.get("model.linear.weight")!).set(
      "head.bias",
      head.get("model.linear.bias")!,
    );
    assertEquals(new Map([...found.dict].sort()), new Map([...wanted].sort()));
  }
});

Deno.test("GenD is refused without the config.json that tells its heads apart, and on other encoders by name", () => {
  assertThrows(() => translated(genD), InputError, "expected GenD's config.json beside it");
  assertThrows(() => translated(genD, { ...config, head: "mlp" }), InputError, '"head":"mlp"');
  assertThrows(
    () => translated(genD, { ...config, backbone: "laion/CLIP-ViT-L-14" }),
    InputError,
    "backbone openai/clip-vit-",
  );
  const others = [
    ["backbone.embeddings.register_tokens", "DINOv3"],
    ["backbone.layer.0.norm1.weight", "DINOv3"],
    ["backbone.patch_embed.proj.weight", "PE-Core"],
  ];
  for (const [key, encoder] of others) {
    const dict = new Map(head).set(`feature_extractor.${key}`, drawn(key, [1]));
    assertThrows(
      () => translated(dict, config),
      InputError,
      `found GenD on another encoder, by its names ${encoder}`,
    );
  }
});

tensorTest(
  "ForgeLens's .pth says its stage, which binds it",
  async () => {
    const dict = await arrays("paper_stage2.pth");
    const { heads, wsgmCount } = JSON.parse(await Deno.readTextFile(fixture("paper.json")));
    const second = translated(dict);
    assertEquals([second.title, second.kind, second.fit], ["ForgeLens", "forgelens", "crop"]);
    assertEquals([second.kind, second.settings], ["forgelens", { faformerHeads: 2 }]);
    dispose(bindPaper(second.dict, { heads, wsgmCount, faformerHeads: 2 }));
    const first: StateDict = new Map(
      [...dict].filter(([key]) => key.startsWith("backbone.")).map(([key, value]) => [key.slice(9), value]),
    );
    assertEquals([translated(first).kind, translated(first).settings], ["forgelens-stage1", {}]);
    const wrapped = new Map([...dict].map(([key, value]) => [`module.${key}`, value]));
    assertEquals(translated(wrapped).settings, second.settings);
  },
);
