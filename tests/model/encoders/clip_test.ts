import { assert, assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { type Clip, embed, encodeTokens, toPixels } from "../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { dispose } from "../../../lib/backend/tensors.ts";
import type { StateDict } from "../../../lib/weights/state.ts";
import { arrays, tensorOf, tensorTest, worstDifference } from "../../tensors.ts";

const weights = await arrays("clip_tiny.safetensors");
const expected = await arrays("clip_tiny_expected.safetensors");

/** The fixture's images, which PyTorch keeps channels first. */
function pixels(): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tensorOf<tf.Tensor4D>(expected, "image"), [0, 2, 3, 1]));
}

function usingClip(
  dict: StateDict,
  options: Parameters<typeof bindClip>[1],
  body: (clip: Clip, images: tf.Tensor4D) => void,
): void {
  const clip = bindClip(dict, options);
  const images = pixels();
  body(clip, images);
  images.dispose();
  dispose(clip);
}

// Three layers in float32, summed in another order than PyTorch does: 2e-6 was seen.
const tolerance = 2e-5;

for (const activation of ["gelu", "quickgelu"] as const) {
  for (const attendAcross of ["tokens", "batch"] as const) {
    tensorTest(
      `encodeTokens() matches open_clip with ${activation} and attention across the ${attendAcross}`,
      () => {
        usingClip(weights, { activation, attendAcross, heads: 4 }, (clip, images) => {
          const key = `tokens.${activation}${attendAcross === "batch" ? ".batch_attention" : ""}`;
          assertLess(
            worstDifference(encodeTokens(clip, images), expected.get(key)!.data as Float32Array),
            tolerance,
          );
        });
      },
    );
  }

  tensorTest(`embed() matches open_clip with ${activation}`, () => {
    usingClip(weights, { activation, attendAcross: "tokens", heads: 4 }, (clip, images) => {
      const wanted = expected.get(`embedding.${activation}`)!.data as Float32Array;
      assertLess(worstDifference(embed(clip, images), wanted), tolerance);
    });
  });
}

tensorTest(
  "with attention across the batch the class token is the same for every image, and tokens depend on neighbours",
  () => {
    usingClip(weights, { activation: "gelu", attendAcross: "batch", heads: 4 }, (clip, images) => {
      const tokens = tf.tidy(() => encodeTokens(clip, images).arraySync());
      for (const image of tokens) assertLess(worstDifference(image[0], tokens[0][0]), 1e-5);
      const alone = tf.tidy(() =>
        encodeTokens(clip, tf.slice(images, [0, 0, 0, 0], [1, -1, -1, -1])).arraySync()
      )[0];
      assert(worstDifference(alone[1], tokens[0][1]) > 0.01, "the patch tokens do not depend on the batch");
    });
  },
);

tensorTest("with attention across the tokens an image's tokens depend on it alone", () => {
  usingClip(weights, { activation: "gelu", attendAcross: "tokens", heads: 4 }, (clip, images) => {
    const all = tf.tidy(() => tf.slice(encodeTokens(clip, images), [0, 0, 0], [1, -1, -1]).dataSync());
    const alone = tf.tidy(() =>
      encodeTokens(clip, tf.slice(images, [0, 0, 0, 0], [1, -1, -1, -1])).dataSync()
    );
    assertLess(worstDifference(alone, all), 1e-5); // another batch size sums in another order
  });
});

tensorTest(
  "bindClip() takes OpenAI's and the reference checkpoint's names, and ignores the text tower alone",
  () => {
    const options = { activation: "gelu", attendAcross: "tokens", heads: 4 } as const;
    const scalar = { dtype: "int64", shape: [], data: BigInt64Array.of(77n) };
    const text = { dtype: "float32", shape: [2, 2], data: new Float32Array(4) };
    const openai: StateDict = new Map([
      ...weights,
      ["input_resolution", scalar],
      ["context_length", scalar],
      ["vocab_size", scalar],
      ["logit_scale", text],
      ["token_embedding.weight", text],
      ["positional_embedding", text],
      ["transformer.resblocks.0.ln_1.weight", text],
      ["ln_final.bias", text],
      ["text_projection", text],
    ]);
    const whole: StateDict = new Map([...openai].map(([key, value]) => [`extractor.clip.${key}`, value]));
    whole.set("wsgm.norm.weight", text).set("cls_head.bias", text);
    const bare: StateDict = new Map(
      [...weights].map(([key, value]) => [key.replace(/^visual\./, ""), value]),
    );
    for (const dict of [openai, whole, bare]) {
      usingClip(dict, options, (clip, images) => {
        const wanted = expected.get("tokens.gelu")!.data as Float32Array;
        assertLess(worstDifference(encodeTokens(clip, images), wanted), tolerance);
      });
    }
  },
);

tensorTest("embed() gives what a TorchScript archive itself computes", async () => {
  const archive = await arrays("clip_tiny_torchscript.pt");
  const wanted = (await arrays("clip_torchscript_expected.safetensors")).get("embedding")!;
  usingClip(archive, { activation: "quickgelu", attendAcross: "tokens", heads: 4 }, (clip, images) => {
    assertLess(worstDifference(embed(clip, images), wanted.data as Float32Array), tolerance);
  });
});

tensorTest("bindClip() lists every missing, unexpected and misshaped key in one error", () => {
  const dict: StateDict = new Map(weights);
  dict.delete("visual.ln_pre.bias");
  dict.set("visual.extra.weight", { dtype: "float32", shape: [1], data: new Float32Array(1) });
  dict.set("visual.ln_post.weight", { dtype: "float32", shape: [3], data: new Float32Array(3) });
  const error = assertThrows(() => bindClip(dict, { activation: "gelu", attendAcross: "tokens", heads: 4 }));
  for (const key of ["ln_pre.bias", "extra.weight", "ln_post.weight"]) {
    assert(error.message.includes(key), error.message);
  }
  assert(error.message.startsWith("Cannot bind CLIP's vision tower"));
});

tensorTest(
  "bindClip() takes the head count as width/64, and refuses one that does not divide the width",
  () => {
    const dict = randomClip(
      { width: 128, layers: 1, heads: 2, imageSize: 32, patchSize: 16, embedDim: 8 },
      0,
    );
    const clip = bindClip(dict, { activation: "gelu", attendAcross: "tokens" });
    assertEquals(clip.config.heads, 2);
    dispose(clip);
    assertThrows(
      () => bindClip(weights, { activation: "gelu", attendAcross: "tokens", heads: 5 }),
      Error,
      "5 heads",
    );
  },
);

for (const grid of [6, 3]) {
  tensorTest(`bindClip() interpolates positions to ${grid}×${grid} as open_clip does`, async () => {
    const wanted = (await arrays("clip_positions.safetensors")).get(`positions.${grid}x${grid}`)!;
    const clip = bindClip(weights, {
      activation: "gelu",
      attendAcross: "tokens",
      heads: 4,
      imageSize: 16 * grid,
    });
    assertEquals(clip.params.positionalEmbedding.shape, wanted.shape as [number, number]);
    // PyTorch computes the taps in float32.
    assertLess(
      worstDifference(clip.params.positionalEmbedding.dataSync(), wanted.data as Float32Array),
      1e-6,
    );
    const images = tf.zeros([1, 16 * grid, 16 * grid, 3]) as tf.Tensor4D;
    const tokens = encodeTokens(clip, images);
    assertEquals(tokens.shape, [1, 1 + grid * grid, 64]);
    tf.dispose([images, tokens]);
    dispose(clip);
  });
}

tensorTest("randomClip() is a function of its seed, at the scale that open_clip initialises", () => {
  const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
  const [first, again, other] = [randomClip(sizes, 1), randomClip(sizes, 1), randomClip(sizes, 2)];
  const values = (dict: StateDict) =>
    dict.get("visual.transformer.resblocks.1.mlp.c_fc.weight")!.data as Float32Array;
  assertEquals(values(first), values(again));
  assert(worstDifference(values(first), values(other)) > 0.01);
  const sd = Math.sqrt(values(first).reduce((sum, x) => sum + x * x, 0) / values(first).length);
  assertAlmostEquals(sd, (2 * 64) ** -0.5, 0.002); // four standard errors over 16,384 values
});

tensorTest("toPixels() normalises bytes as torchvision does", () => {
  const bytes = Uint8Array.of(0, 0, 0, 1, 1, 1, 128, 128, 128, 255, 255, 255);
  const image = toPixels([bytes], 2);
  assertEquals(image.shape, [1, 2, 2, 3]);
  // From torch: (uint8.float() / 255 - mean) / std.
  const wanted = [
    -1.7922625541687012,
    -1.7520971298217773,
    -1.480219841003418,
    -1.777664065361023,
    -1.7370892763137817,
    -1.465999722480774,
    0.07633614540100098,
    0.16889731585979462,
    0.33994877338409424,
    1.9303361177444458,
    2.0748836994171143,
    2.1458969116210938,
  ];
  assertLess(worstDifference(image, wanted), 3e-7); // a float32 rounding
  assertThrows(() => toPixels([bytes], 3), Error, "expected 3×3×3 = 27 bytes but found 12");
});
