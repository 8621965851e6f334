import type { Perturbation } from "../../../lib/images/perturbations/perturbation.ts";
import {
  parsePerturbation,
  parsePerturbations,
  perturbationKinds,
} from "../../../lib/images/perturbations/mod.ts";
import * as tf from "@tensorflow/tfjs";
import { assertEquals, assertGreater, assertLess, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { initBackend } from "../../../lib/backend/start.ts";
import { isTensorFlow } from "../../../lib/backend/raw.ts";
import type { Encoder } from "../../../lib/model/encoders/encoder.ts";
import type { Tap, Trunk } from "../../../lib/model/features/trunk.ts";
import { bindEncoder, encoderWarning, openEncoder } from "../../../lib/runs/encoder.ts";
import { readNumerics, settleNumerics } from "../../../lib/runs/folder/numerics.ts";
import { featureBatches } from "../../../lib/model/features/batches.ts";
import { resolveConfig, type RunInput } from "../../../lib/runs/config/config.ts";
import type { Sample } from "../../../lib/data/sample.ts";
import { readFolders } from "../../../lib/data/folders.ts";
import { type CropPart, drawPart } from "../../../lib/images/fits/fit.ts";
import { loadImage } from "../../../lib/images/image.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { writePictures } from "../../folders.ts";

await initBackend();
const root = await Deno.makeTempDir();
const folders = await writePictures(join(root, "pictures"), { videos: 3 });
const { samples } = await readFolders(folders, { set: "pictures" });
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

async function open(cacheFolder: string, changes: RunInput = {}): Promise<Encoder> {
  return await openEncoder(
    resolveConfig({ clip: "demo", cacheFolder: join(root, cacheFolder), ...changes }),
  );
}

/** Each sample's tokens by path. */
async function tokensOf(
  encoder: Pick<Encoder, "trunk">,
  options: { samples?: readonly Sample[]; batchSize?: number; perturbation?: Perturbation } = {},
): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  const { samples: some = samples, batchSize = 4, perturbation } = options;
  for await (const batch of featureBatches(encoder.trunk("tokens"), some, { batchSize, perturbation })) {
    const values = batch.features.dataSync() as Float32Array;
    const length = values.length / batch.samples.length;
    batch.samples.forEach(({ path }, i) => found.set(path, values.slice(i * length, (i + 1) * length)));
    batch.features.dispose();
  }
  return found;
}

/** The same encoder, and how many images each call of it encodes from now on, which is what a user's run waits for. */
function watch(encoder: Encoder): { watched: Pick<Encoder, "trunk">; calls: readonly number[] } {
  const calls: number[] = [];
  const trunk = encoder.trunk("tokens");
  const features: Trunk["features"] = (images) => (calls.push(images.length), trunk.features(images));
  return { watched: { trunk: () => ({ ...trunk, features }) }, calls };
}

Deno.test("featureBatches() encodes an image once: a second pass reads what the first one gave", async () => {
  const encoder = await open("once");
  const first = await tokensOf(encoder);
  const { watched, calls } = watch(encoder);
  assertEquals(
    await tokensOf(watched, { batchSize: 3, samples: samples.toReversed() }),
    new Map([...first].reverse()),
  );
  assertEquals(calls.length, 0);
  await tokensOf(watched, { perturbation: parsePerturbation("jpeg-30") });
  assertGreater(calls.length, 0);
  encoder.close();
});

Deno.test("featureBatches() never takes the kept tokens of one perturbation, or of none, for another's", async () => {
  const all = [undefined, ...perturbationKinds.map((kind) => ({ kind, level: kind.levels[0] }))];
  const [forth, back] = [await open("mixed forth"), await open("mixed back")];
  const some = { samples: samples.slice(0, 4) };
  // Either cache is filled by one order of them, and asked again when it has all.
  for (const perturbation of all) await tokensOf(forth, { ...some, perturbation });
  for (const perturbation of all.toReversed()) await tokensOf(back, { ...some, perturbation });
  const texts = new Set<string>();
  const { watched, calls } = watch(forth);
  for (const perturbation of all) {
    const tokens = await tokensOf(watched, { ...some, perturbation });
    assertEquals(tokens, await tokensOf(back, { ...some, perturbation }));
    for (const values of tokens.values()) texts.add(values.join());
  }
  assertEquals(calls.length, 0);
  assertEquals(texts.size, all.length * some.samples.length);
  forth.close();
  back.close();
});

Deno.test("featureBatches() reads a file once for its keys under every perturbation, and once for each picture but the first", async () => {
  const pictures = await writePictures(join(root, "counted"), { videos: 1, seed: 9 });
  const { samples } = await readFolders(pictures, { set: "counted" });
  const encoder = await open("counted-tokens");
  const all = [undefined, ...parsePerturbations("jpeg")!];
  const reads = await countReads(async () => {
    for (const perturbation of all) await tokensOf(encoder, { samples, perturbation });
  });
  assertEquals(reads, samples.length * all.length);
  const again = await countReads(async () => {
    for (const perturbation of all) await tokensOf(encoder, { samples, perturbation });
  });
  assertEquals(again, 0);
  encoder.close();
});

/**
 * How many times `work` has a whole file read, by the real calls: it protects who has images on a network's disk, where an evaluation
 * waits for nothing else.
 */
async function countReads(work: () => Promise<void>): Promise<number> {
  const readFile = Deno.readFile;
  let reads = 0;
  Deno.readFile = (...args) => (reads++, readFile(...args));
  try {
    await work();
  } finally {
    Deno.readFile = readFile;
  }
  return reads;
}

Deno.test("openEncoder() takes float32 for the demo encoder", async () => {
  const encoder = await open("unasked");
  assertEquals([encoder.precision, encoder.choice.head], ["float32", "float32"]);
  encoder.close();
});

Deno.test(
  "openEncoder() takes another precision where it is asked for",
  { ignore: !isTensorFlow() },
  async () => {
    const low = await open("asked", { precision: "bfloat16" });
    assertEquals([low.precision, low.choice.head], ["bfloat16", "bfloat16"]);
    low.close();
  },
);

Deno.test("encoderWarning() says NOT CLIP of the demo encoder beside all data but the demo's", async () => {
  const encoder = await bindEncoder(resolveConfig({ clip: "demo" }));
  assertEquals(encoderWarning(encoder, { demo: true }), undefined);
  assertMatch(encoderWarning(encoder, { demo: false })!, /^NOT CLIP: .* say nothing about CLIP\.$/);
  const why = "NOT CLIP: no weights."; // said already
  assertEquals(encoderWarning({ ...encoder, warning: why }, { demo: false }), why);
  assertEquals(encoderWarning({ ...encoder, isBuiltIn: undefined, warning: "w" }, { demo: false }), "w");
  encoder.close();
});

Deno.test("openEncoder() never measures for a test, and takes the run's precision or the next that there is", async () => {
  if (!isTensorFlow()) return;
  // Attention across the batch is what int8.h has not.
  const config = resolveConfig({ clip: "demo", attendAcross: "batch", cache: false });
  const kept = { encoder: "int8", head: "bfloat16" } as const;
  const next = await openEncoder(config, { kept, testing: true });
  assertEquals([next.precision, next.choice.head], ["bfloat16", "bfloat16"]);
  assertMatch(next.warning!, /bfloat16 instead of int8 \(expected attention across the tokens/);
  next.close();
  const int8 = { ...config, precision: "int8" } as const;
  await assertRejects(
    () => openEncoder(int8),
    InputError,
    "int8",
  );
});

Deno.test("featureBatches() gives an encoder's tokens to half precision", async () => {
  const [cached, plain] = [await open("half"), await open("none", { cache: false })];
  const [half, full] = [await tokensOf(cached), await tokensOf(plain)];
  for (const [path, values] of full) {
    const worst = Math.max(
      ...values.map((value, i) => Math.abs(value - half.get(path)![i]) / (1 + Math.abs(value))),
    );
    assertLess(worst, 2 ** -10); // half precision has 11 bits
    assertGreater(worst, 0);
  }
  cached.close();
  plain.close();
});

for (const before of [0, 2]) {
  Deno.test(`featureBatches() encodes more images together than it gives at a time, after ${before} others`, async () => {
    const encoder = await open(`together-${before}`);
    const { watched, calls } = watch(encoder);
    const some = samples.slice(0, 11);
    const given: (readonly Sample[])[] = [];
    for await (
      const batch of featureBatches(watched.trunk("tokens"), some, { batchSize: 2, together: 5, before })
    ) {
      assertEquals(batch.features.shape[0], batch.samples.length);
      given.push(batch.samples);
      batch.features.dispose();
    }
    assertEquals(given.map(({ length }) => length), [2, 2, 2, 2, 2, 1]);
    assertEquals(given.flat(), some);
    // Three batches are the first to hold five images; those before them count.
    assertEquals(calls, before === 0 ? [6, 5] : [4, 6, 1]);
    encoder.close();
  });
}

Deno.test("a trunk gives the class token and its projection, [D] and [E], and keeps each apart", async () => {
  const encoder = await open("taps");
  const { width, embedDim } = encoder.sizes;
  const tokens = await tokensOf(encoder);
  for (const [tap, size] of [["clsToken", width], ["embedding", embedDim]] as const) {
    const trunk = encoder.trunk(tap);
    assertEquals(trunk.shape, [size]);
    for await (const { features, samples: some } of featureBatches(trunk, samples, { batchSize: 4 })) {
      assertEquals(features.shape, [some.length, size]);
      const values = features.dataSync();
      if (tap === "clsToken") {
        some.forEach(({ path }, i) =>
          // Tokens are kept in half precision, a class token alone in single.
          assertEquals(
            Float32Array.from(new Float16Array(values.slice(i * size, (i + 1) * size))),
            tokens.get(path)!.slice(0, size),
          )
        );
      }
      features.dispose();
    }
  }
  assertEquals(
    new Set(["tokens", "clsToken", "embedding"].map((tap) => encoder.trunk(tap as Tap).digest)).size,
    3,
  );
  encoder.close();
});

Deno.test("a trunk gives the class token after every block, what enters a block, and pixels that are not kept", async () => {
  const encoder = await open("inner-taps");
  const { sizes: { width: D, layers: L, tokens: N, embedDim: E }, input: { size: S } } = encoder;
  const shapes: [Tap, number[]][] = [
    ["clsTokens", [L, D]],
    ["embeddings", [L, E]],
    [{ entering: 1 }, [N, D]],
    ["pixels", [S, S, 3]],
  ];
  for (const [tap, shape] of shapes) {
    const trunk = encoder.trunk(tap);
    assertEquals([trunk.shape, encoder.trunk(tap) === trunk], [shape, true]);
    assertEquals((await trunk.cache()) === undefined, tap === "pixels");
    const read: Float32Array[] = [];
    for (let pass = 0; pass < 2; pass++) { // the second from the cache
      for await (const { features } of featureBatches(trunk, samples.slice(0, 2), { batchSize: 2 })) {
        assertEquals(features.shape, [2, ...shape]);
        read.push(features.dataSync() as Float32Array);
        features.dispose();
      }
    }
    assertEquals(read[1], read[0]); // single precision: bit for bit
  }
  const [last] = await Array.fromAsync(
    featureBatches(encoder.trunk("clsTokens"), samples.slice(0, 2), { batchSize: 2 }),
  );
  const [clsToken] = await Array.fromAsync(
    featureBatches(encoder.trunk("clsToken"), samples.slice(0, 2), { batchSize: 2 }),
  );
  const ofLast = tf.reshape(tf.slice(last.features, [0, L - 1, 0], [-1, 1, -1]), [2, D]);
  const worst = tf.max(tf.abs(tf.sub(ofLast, clsToken.features))).dataSync()[0];
  assertLess(worst, 1e-5); // sums over other rows, in another order
  tf.dispose([last.features, clsToken.features, ofLast]);
  encoder.close();
});

for (const precision of ["float32", "bfloat16"] as const) {
  Deno.test({
    name: `an image's features are the same bits whatever is beside it, in ${precision}`,
    ignore: !isTensorFlow(),
    fn: async () => {
      const encoder = await open(`bits-${precision}`, { precision, cache: false });
      const trunk = encoder.trunk("tokens");
      const images = await Promise.all(samples.slice(0, 11).map(({ path }) => loadImage(path)));
      const encode = async (order: readonly number[]) => {
        const features = await trunk.features(order.map((i) => images[i]));
        const values = features.dataSync();
        const length = values.length / order.length;
        features.dispose();
        return new Map(order.map((i, place) => [i, values.slice(place * length, (place + 1) * length)]));
      };
      const all = await encode(images.map((_, i) => i));
      for (const order of [[0], [10, 3, 7], [8, 1, 6, 2, 9, 4, 0, 5, 3], images.map((_, i) => 10 - i)]) {
        for (const [i, values] of await encode(order)) assertEquals(values, all.get(i), `${i} in ${order}`);
      }
      encoder.close();
    },
  });
}

Deno.test("featureBatches() keeps nothing where attention runs across the batch", async () => {
  const encoder = await open("batch", { attendAcross: "batch" });
  assertEquals([encoder.precision, await encoder.trunk("tokens").cache()], ["float32", undefined]);
  const [alone, together] = [await tokensOf(encoder, { batchSize: 1 }), await tokensOf(encoder)];
  const { path } = samples[1];
  assertGreater(
    Math.max(...alone.get(path)!.map((value, i) => Math.abs(value - together.get(path)![i]))),
    1e-3,
  );
  encoder.close();
});

/** Features that are the images' own bytes. */
async function imagesOf(
  trunk: Trunk,
  options: { readonly part?: (place: number) => CropPart; readonly before?: number } = {},
): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  const features: Trunk["features"] = (images) => {
    found.push(...images.map((image) => image.slice()));
    return trunk.features(images);
  };
  for await (const batch of featureBatches({ ...trunk, features }, samples, { batchSize: 4, ...options })) {
    batch.features.dispose();
  }
  return found;
}

Deno.test("featureBatches() brings images to size by the encoder's fit, and drawn parts of them anew each time", async () => {
  const [resized, cropped] = [await open("fits"), await open("fits", { fit: "crop" })];
  const [{ fit, imageSize: size }, whole] = [cropped.trunk("clsToken"), resized.trunk("clsToken")];
  assertEquals([fit, whole.fit, cropped.input.fit], ["crop", "resize", "crop"]);
  await imagesOf(whole);
  // The same cache, encoder and files: nothing is taken from what the resized images gave.
  const centres = await Promise.all(samples.map(({ path }) => loadImage(path, { size, fit: "crop" })));
  assertEquals(await imagesOf(cropped.trunk("clsToken")), centres);
  assertEquals(await imagesOf(cropped.trunk("clsToken")), []);
  const part = (place: number) => drawPart({ seed: 0, epoch: 1, place });
  const parts = await imagesOf(cropped.trunk("clsToken"), { part, before: 3 });
  const expected = samples.map(({ path }, i) => loadImage(path, { size, fit: "crop", part: part(3 + i) }));
  assertEquals(parts, await Promise.all(expected));
  assertEquals(await imagesOf(cropped.trunk("clsToken")), []); // which are still the centres'
  resized.close();
  cropped.close();
});

Deno.test("featureBatches() names an image that cannot be read", async () => {
  const encoder = await open("missing");
  const missing = { ...samples[0], path: join(root, "missing.png") };
  await assertRejects(() => tokensOf(encoder, { samples: [missing] }), Error, "missing.png");
  encoder.close();
});

Deno.test("what a measurement has against a precision stays with the run, for whoever tests it", async () => {
  const config = resolveConfig({ clip: "demo", cache: false });
  const kept = { encoder: "float32", head: "float32", doubt: "int8 was asked for." } as const;
  const encoder = await openEncoder(config, { kept, testing: true });
  assertEquals(encoder.warning, kept.doubt);
  const folder = await Deno.makeTempDir();
  await settleNumerics(folder, { encoder, started: false });
  assertEquals((await readNumerics(folder))?.precision, kept);
  await Deno.remove(folder, { recursive: true });
  encoder.close();
});
