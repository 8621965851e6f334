import { assertEquals, assertGreater, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { isTensorFlow } from "../../../lib/backend/raw.ts";
import { initBackend } from "../../../lib/backend/start.ts";
import { drawPerson, drawView } from "../../../lib/data/demo/person.ts";
import { photograph } from "../../../lib/data/demo/fakes.ts";
import { renderPortrait } from "../../../lib/data/demo/portrait.ts";
import { embed, encodeTokens, toPixels } from "../../../lib/model/encoders/clip.ts";
import { bindClip } from "../../../lib/model/encoders/clip_weights.ts";
import {
  demoEncoder,
  demoEncoderConfig,
  spectrum,
  spectrumCoefficients,
} from "../../../lib/model/encoders/demo.ts";
import { compileClip } from "../../../lib/model/encoders/clip_graph.ts";
import { meanCosine } from "../../../lib/model/encoders/precision.ts";
import { dispose } from "../../../lib/backend/tensors.ts";
import { createRandom } from "../../../lib/base/random.ts";

await initBackend();

const { width: D, imageSize: S, patchSize: P, heads } = demoEncoderConfig;
const G = S / P, N = 1 + G * G, FEATURES = spectrum.bands + 3;

function portraitBytes(seed: number): Uint8Array {
  const random = createRandom(seed, "encoder test");
  const portrait = renderPortrait(drawPerson(random), drawView(random));
  return photograph(portrait, { read: 0.006, shot: 0.018, blur: 0.08, demosaic: 0.1 }, random);
}

async function tokensOf(images: Uint8Array[]): Promise<Float32Array> {
  const clip = bindClip(demoEncoder().dict, { activation: "quickgelu", attendAcross: "tokens", heads });
  const pixels = toPixels(images, S);
  const tokens = encodeTokens(clip, pixels);
  const values = await tokens.data() as Float32Array;
  tf.dispose([pixels, tokens]);
  dispose(clip);
  return values;
}

/** The features by their definition, in float64 with a real logarithm and real sums: [N, D] without the position. */
function plainTokens(image: Uint8Array): Float64Array {
  const features = Array.from({ length: N }, () => new Float64Array(FEATURES));
  const logarithms = (energies: number[], out: Float64Array) => {
    energies.forEach((e, band) => out[band] = Math.log(Math.max(e, spectrum.energies.low)) - spectrum.middle);
  };
  logarithms(new Array(spectrum.bands).fill(0), features[0]);
  const coefficients = spectrumCoefficients();
  for (let n = 1; n < N; n++) {
    const top = Math.floor((n - 1) / G) * P, left = (n - 1) % G * P;
    const luma = new Float64Array(P * P), mean = [0, 0, 0];
    for (let i = 0; i < P * P; i++) {
      const q = ((top + Math.floor(i / P)) * S + left + i % P) * 3;
      luma[i] = (0.299 * image[q] + 0.587 * image[q + 1] + 0.114 * image[q + 2]) / 255;
      for (let c = 0; c < 3; c++) mean[c] += image[q + c] / 255 / (P * P);
    }
    const sums = new Array(spectrum.bands).fill(0), counts = new Array(spectrum.bands).fill(0);
    for (const { v, h, radius, band } of coefficients) {
      let sum = 0;
      for (let i = 0; i < P * P; i++) {
        sum += luma[i] * Math.cos(Math.PI * v * (2 * Math.floor(i / P) + 1) / (2 * P)) *
          Math.cos(Math.PI * h * (2 * (i % P) + 1) / (2 * P));
      }
      sum *= (v === 0 || h === 0 ? Math.SQRT2 : 2) / P;
      sums[band] += Math.abs(sum) / (spectrum.floor + spectrum.slope / radius ** 2);
      counts[band]++;
    }
    logarithms(sums.map((sum, band) => sum / counts[band]), features[n]);
    mean.forEach((m, c) => features[n][spectrum.bands + c] = spectrum.colourGain * (m - 0.5));
  }
  const neighbourhood = (n: number, sigma: number): Float64Array => {
    const out = new Float64Array(FEATURES);
    let total = 0;
    for (let m = 0; m < N; m++) {
      const dy = Math.floor((n - 1) / G) - Math.floor((m - 1) / G), dx = (n - 1) % G - (m - 1) % G;
      // A patch and the class token are far from each other, which over the whole image is no distance either.
      const distance = n === 0 ? 0 : m === 0 ? 64 : dy ** 2 + dx ** 2;
      const weight = Math.exp(-distance / (2 * sigma ** 2));
      total += weight;
      features[m].forEach((f, i) => out[i] += weight * f);
    }
    return out.map((f) => f / total);
  };
  const tokens = new Float64Array(N * D);
  for (let n = 0; n < N; n++) {
    const own = features[n], near = neighbourhood(n, spectrum.near), wide = neighbourhood(n, spectrum.wide);
    const image = neighbourhood(n, Infinity);
    for (let i = 0; i < FEATURES; i++) {
      [own[i], own[i] - wide[i], near[i] - wide[i], near[i] - image[i]].forEach((value, group) => {
        tokens[n * D + group * FEATURES + i] = spectrum.groups[group] * value;
      });
    }
  }
  return tokens;
}

Deno.test("demoEncoder() computes the spectral features as their plain definition does", async () => {
  const image = portraitBytes(1);
  const found = await tokensOf([image]), expected = plainTokens(image);
  for (let group = 0; group < 4; group++) {
    let error = 0, power = 0, sum = 0, count = 0;
    for (let n = 1; n < N; n++) {
      for (let i = 0; i < FEATURES; i++, count++) {
        const k = n * D + group * FEATURES + i;
        error += (found[k] - expected[k]) ** 2, power += expected[k] ** 2, sum += expected[k];
      }
    }
    // The hinges follow the logarithm to about a twelfth of its unit; the features spread over one unit and more.
    const spread = Math.sqrt(power / count - (sum / count) ** 2);
    assertLess(Math.sqrt(error / count) / spread, 0.12, `group ${group}`);
  }
});

Deno.test("demoEncoder() gives every image the tokens that it has alone", async () => {
  const [a, b] = [portraitBytes(2), portraitBytes(3)];
  const both = await tokensOf([a, b]), alone = await tokensOf([b]);
  let largest = 0;
  for (let i = 0; i < N * D; i++) largest = Math.max(largest, Math.abs(both[N * D + i] - alone[i]));
  assertLess(largest, 1e-3); // float32 sums in another order, behind a channel that holds 2000
});

Deno.test("demoEncoder()'s class token is the mean of the patches' features, negated, in group 1", async () => {
  const tokens = await tokensOf([portraitBytes(4)]);
  for (const i of [0, 3, 20, spectrum.bands, spectrum.bands + 2]) {
    let mean = tokens[i] / N;
    for (let n = 1; n < N; n++) mean += tokens[n * D + i] / N;
    const expected = spectrum.groups[1] * (tokens[i] / spectrum.groups[0] - mean / spectrum.groups[0]);
    assertLess(Math.abs(tokens[FEATURES + i] - expected), 1e-2);
  }
});

Deno.test("demoEncoder() sees a region whose fine noise is gone", async () => {
  const image = portraitBytes(5), smooth = image.slice();
  for (let y = 96; y < 128; y++) { // two by two patches, each pixel the mean of its 3×3 neighbours
    for (let x = 96; x < 128; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let j = -1; j <= 1; j++) {
          for (let i = -1; i <= 1; i++) sum += image[((y + j) * S + x + i) * 3 + c];
        }
        smooth[(y * S + x) * 3 + c] = Math.round(sum / 9);
      }
    }
  }
  const [before, after] = [await tokensOf([image]), await tokensOf([smooth])];
  const change = (n: number) => {
    let sum = 0;
    for (let i = 0; i < FEATURES; i++) {
      sum += Math.abs(after[n * D + 2 * FEATURES + i] - before[n * D + 2 * FEATURES + i]);
    }
    return sum / FEATURES;
  };
  const inside = 1 + 6 * G + 6, outside = 1 + 1 * G + 1;
  assertGreater(change(inside), 20 * change(outside));
});

Deno.test({
  name: "demoEncoder() has its tokens in bfloat16 too: mean cosine with float32 at least 0.999",
  ignore: !isTensorFlow(),
  fn: async () => {
    const clip = bindClip(demoEncoder().dict, { activation: "quickgelu", attendAcross: "tokens", heads });
    const pixels = toPixels([portraitBytes(7), portraitBytes(8)], S);
    const compiled = await compileClip(clip, { precision: "bfloat16" });
    const [low, full] = [await compiled.tokens(pixels), encodeTokens(clip, pixels)];
    const cosine = meanCosine(low, full);
    compiled.dispose();
    tf.dispose([pixels, low, full]);
    dispose(clip);
    assertGreater(cosine, 0.999);
  },
});

Deno.test("demoEncoder() is one tower of weights that do not change, and its embedding is the class token", async () => {
  const { dict, config } = demoEncoder();
  assertEquals(config, demoEncoderConfig);
  assertEquals(dict.get("visual.conv1.weight")!.shape, [D, 3, P, P]);
  assertEquals(dict.get("visual.positional_embedding")!.shape, [N, D]);
  const again = demoEncoder().dict;
  for (const [key, { data }] of dict) assertEquals(again.get(key)!.data, data, key);
  const clip = bindClip(dict, { activation: "quickgelu", attendAcross: "tokens", heads: config.heads });
  const pixels = toPixels([portraitBytes(6)], S);
  const [tokens, embedding] = [encodeTokens(clip, pixels), embed(clip, pixels)];
  const values = await tokens.data();
  assertEquals(Array.from(await embedding.data()), Array.from(values.slice(0, D)));
  tf.dispose([pixels, tokens, embedding]);
  dispose(clip);
});
