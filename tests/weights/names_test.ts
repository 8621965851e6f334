import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { embed, encodeTokens } from "../../lib/model/encoders/clip.ts";
import { bindClip } from "../../lib/model/encoders/clip_weights.ts";
import { bindForgeLens } from "../../lib/model/detectors/notebook_head.ts";
import { toHuggingFace } from "../hugging_face.ts";
import { fromHuggingFace } from "../../lib/weights/hugging_face.ts";
import { withoutPrefix } from "../../lib/weights/prefix.ts";
import { dispose } from "../../lib/backend/tensors.ts";
import type { StateDict, StateTensor } from "../../lib/weights/state.ts";
import { arrays, tensorTest } from "../tensors.ts";

const tower = new Map(
  [...await arrays("clip_tiny.safetensors")].map(([name, value]) => [name.replace(/^visual\./, ""), value]),
);
const head = await arrays("forgelens_head.safetensors");

const prefixed = (dict: StateDict, prefix: string): StateDict =>
  new Map([...dict].map(([name, value]) => [prefix + name, value]));

const indices: StateTensor = { dtype: "int64", shape: [1, 2], data: BigInt64Array.of(0n, 1n) };
const scalar: StateTensor = { dtype: "float32", shape: [], data: Float32Array.of(1) };

Deno.test("fromHuggingFace() gives open_clip's tower, name for name and bit for bit", () => {
  const whole: StateDict = new Map([
    ...toHuggingFace(tower),
    ["vision_model.embeddings.position_ids", indices],
    ["text_model.embeddings.token_embedding.weight", scalar],
    ["text_projection.weight", scalar],
    ["logit_scale", scalar],
  ]);
  assert(whole.has("vision_model.encoder.layers.0.self_attn.q_proj.weight"));
  for (const prefix of ["", "clip.encoder."]) {
    const found = fromHuggingFace(prefixed(whole, prefix));
    assertEquals([...found.keys()].sort(), [...tower.keys()].sort());
    for (const [name, tensor] of tower) assertEquals(found.get(name), tensor, name);
  }
});

tensorTest("bindClip() computes the same tokens and embedding from Hugging Face's names", () => {
  const options = { activation: "quickgelu", attendAcross: "tokens", heads: 4 } as const;
  const [ours, theirs] = [tower, prefixed(toHuggingFace(tower), "model.")].map((dict) =>
    bindClip(dict, options)
  );
  const size = ours.config.imageSize;
  const images = tf.tidy(() => tf.randomUniform([2, size, size, 3], -1, 1, "float32", 5)) as tf.Tensor4D;
  tf.tidy(() => {
    assertEquals(encodeTokens(theirs, images).dataSync(), encodeTokens(ours, images).dataSync());
    assertEquals(embed(theirs, images).dataSync(), embed(ours, images).dataSync());
  });
  images.dispose();
  dispose(ours);
  dispose(theirs);
});

tensorTest("bindClip() takes a CLIPVisionModel, which has no projection, and embed() refuses it", () => {
  const dict = toHuggingFace(tower);
  dict.delete("visual_projection.weight");
  const clip = bindClip(dict, { activation: "quickgelu", attendAcross: "tokens", heads: 4 });
  const size = clip.config.imageSize;
  const images = tf.zeros([1, size, size, 3]) as tf.Tensor4D;
  tf.tidy(() => assertEquals(encodeTokens(clip, images).shape[2], clip.config.width));
  const { message } = assertThrows(() => embed(clip, images), Error);
  assertMatch(message, /^Cannot embed: expected weights with a projection/);
  images.dispose();
  dispose(clip);
});

Deno.test("bindClip() says in a short line what is missing of Hugging Face's names", () => {
  const dict = toHuggingFace(tower);
  dict.delete("vision_model.encoder.layers.1.self_attn.k_proj.bias");
  const options = { activation: "gelu", attendAcross: "tokens" } as const;
  const { message } = assertThrows(() => bindClip(dict, options), Error);
  assertMatch(
    message,
    /query, key and value for transformer\.resblocks\.1\.attn\.in_proj_bias but found only q, v/,
  );
});

tensorTest("bindClip() and bindForgeLens() take names behind the known prefixes, also several", () => {
  for (const prefix of ["module.", "_orig_mod.", "model.", "net.", "module._orig_mod.", "model.net."]) {
    dispose(
      bindClip(prefixed(prefixed(tower, "visual."), prefix), {
        activation: "gelu",
        attendAcross: "tokens",
        heads: 4,
      }),
    );
    dispose(bindForgeLens(prefixed(head, prefix), { heads: 4 }));
  }
});

Deno.test("bindClip() and bindForgeLens() name a prefix that they do not know, in a short line", () => {
  const options = { activation: "gelu", attendAcross: "tokens" } as const;
  for (
    const bind of [
      () => bindClip(prefixed(tower, "detector.backbone."), options),
      () => bindForgeLens(prefixed(head, "detector.backbone."), { heads: 4 }),
    ]
  ) {
    const { message } = assertThrows(bind, Error);
    assertMatch(message, /but found that all names begin with detector\.backbone\./);
    assert(message.length < 400, message);
  }
});

Deno.test("withoutPrefix() leaves names alone of which one has no prefix", () => {
  const dict: StateDict = new Map([["module.a", scalar], ["b", scalar]]);
  assert(withoutPrefix(dict) === dict);
  assertEquals([...withoutPrefix(new Map([["module.model.a", scalar]])).keys()], ["a"]);
});
