import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import sharp from "sharp";
import * as tf from "@tensorflow/tfjs";
import { isTensorFlow } from "../../lib/backend/raw.ts";
import { initBackend } from "../../lib/backend/start.ts";
import { dispose } from "../../lib/backend/tensors.ts";
import { createRandom } from "../../lib/base/random.ts";
import { inTemporaryFolder } from "../../lib/base/temporary.ts";
import { demoVideos } from "../../lib/data/demo/demo.ts";
import { drawPerson } from "../../lib/data/demo/person.ts";
import { residualBlock } from "../../lib/model/layers.ts";
import { curveText, readCurve } from "../../tools/demo_tower/curve.ts";
import { editNames, editRegion } from "../../tools/demo_tower/edits.ts";
import { faceSeeds, facesIn, realVideos } from "../../tools/demo_tower/faces.ts";
import { fastBlock } from "../../tools/demo_tower/fast_block.ts";
import { drawRegion, sharesOf } from "../../tools/demo_tower/regions.ts";
import { drawSamples } from "../../tools/demo_tower/samples.ts";
import { initialTower, trainableTower } from "../../tools/demo_tower/tower.ts";
import { compilesFor } from "../backend/native.ts";
import { createLearner, learn, learnerState, restoreLearner } from "../../tools/demo_tower/training.ts";

await initBackend();

const SIZE = 224;
const hasBfloat16 = await compilesFor("avx512_bf16");

/** An image with detail everywhere, which no edit leaves as it is. */
function textured(seed: number): Uint8Array {
  const random = createRandom(seed, "texture");
  return Uint8Array.from(
    { length: SIZE * SIZE * 3 },
    (_, q) => 90 + 60 * Math.sin(q / 41) + random.integer(40),
  );
}

for (const kind of editNames) {
  Deno.test(`editRegion() changes pixels inside the region alone, by ${kind}`, async () => {
    const image = textured(1), other = textured(2), before = image.slice();
    const edit = async (seed: number) => {
      const random = createRandom(seed, "edit");
      const region = drawRegion(random, SIZE);
      const made = await editRegion({ image, other, size: SIZE, region, random, least: 0.5, kinds: [kind] });
      return { region, ...made };
    };
    const { region, image: edited, kinds } = await edit(3);
    assertEquals(kinds, [kind]);
    assertEquals(image, before);
    let inside = 0, changed = 0;
    for (let p = 0; p < SIZE * SIZE; p++) {
      const isChanged = [0, 1, 2].some((c) => edited[3 * p + c] !== image[3 * p + c]);
      if (region.weights[p] === 0) assert(!isChanged);
      if (region.weights[p] < 1) continue;
      inside++;
      if (isChanged) changed++;
    }
    assertGreater(changed / inside, 0.5);
    assertEquals((await edit(3)).image, edited);
    assert((await edit(4)).image.some((byte, q) => byte !== edited[q]));
  });
}

Deno.test("drawRegion() draws neither nearly nothing nor nearly everything, within its rectangle", () => {
  for (let seed = 0; seed < 50; seed++) {
    const region = drawRegion(createRandom(seed, "region"), SIZE);
    const { weights, left, top, width, height } = region;
    const share = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
    assertGreater(share, 0.03);
    assertLess(share, 0.8);
    weights.forEach((weight, p) => {
      const x = p % SIZE, y = Math.floor(p / SIZE);
      if (x < left || x >= left + width || y < top || y >= top + height) assertEquals(weight, 0);
    });
  }
});

Deno.test("sharesOf() says what part of each patch is in the region", () => {
  const weights = new Float32Array(32 * 32);
  for (let y = 0; y < 16; y++) weights.fill(1, y * 32, y * 32 + 24); // the left top patch, and half of the one beside it
  const shares = sharesOf({ weights, left: 0, top: 0, width: 24, height: 16 }, { size: 32, side: 16 });
  assertEquals([...shares], [1, 0.5, 0, 0]);
});

Deno.test("faces of the demo tower are persons that the demo data do not have", () => {
  const person = (seed: number, id: number) => {
    const random = createRandom(seed, "demo", id);
    return [JSON.stringify(drawPerson(random)), JSON.stringify(drawPerson(random))]; // who is seen, and who may be pasted
  };
  const ofDemo = new Set(demoVideos().flatMap(({ id }) => person(0, id)));
  const seen = faceSeeds.flatMap((seed) => realVideos().map((id) => person(seed, id)[0]));
  assertEquals(new Set(seen).size, faceSeeds.length * realVideos().length);
  assert(seen.every((one) => !ofDemo.has(one)));
  assert(!(faceSeeds as readonly number[]).includes(0));
  assert(
    realVideos().every((i) => demoVideos()[i].method === null && demoVideos()[i].demoSet.set === "demo"),
  );
});

Deno.test("drawSamples() edits every second image and says where, from the seed alone", async () => {
  await inTemporaryFolder(async (folder) => {
    const faces: string[] = [];
    for (const seed of [1, 2, 3]) {
      const path = `${folder}/${seed}.jpg`;
      await sharp(textured(seed), { raw: { width: SIZE, height: SIZE, channels: 3 } }).jpeg().toFile(path);
      faces.push(path);
    }
    const draw = (step: number) => drawSamples(faces, { seed: 1, step, count: 4 });
    const { images, labels, kinds, shares } = await draw(7);
    assertEquals([...labels], [0, 1, 0, 1]);
    assertEquals([...kinds].map((kind) => kind > 0), [false, true, false, true]);
    assertEquals(images.map(({ length }) => length), Array(4).fill(SIZE * SIZE * 3));
    const sums = labels.map((_, i) => shares.slice(196 * i, 196 * (i + 1)).reduce((a, b) => a + b, 0));
    assertEquals([...sums].map((sum) => sum > 0), [false, true, false, true]);
    assertEquals(await draw(7), { images, labels, kinds, shares });
    assert((await draw(8)).shares.some((share, i) => share !== shares[i]));
  }, { prefix: "demo-tower-" });
});

Deno.test("facesIn() draws the frames of a seed's real videos once", async () => {
  await inTemporaryFolder(async (folder) => {
    const stop = new AbortController();
    const onProgress = () => stop.abort(); // after the first video: there are 161
    let reason: unknown;
    await facesIn(folder, { seeds: [1], onProgress, signal: stop.signal }).catch((error) => reason = error);
    assert(reason instanceof DOMException);
    const drawn = [...Deno.readDirSync(`${folder}/faces-v3`)].map(({ name }) => name);
    assertGreater(drawn.length, 1); // each video has two or three frames
    assert(drawn.every((name) => /^1-00\d-[012]\.jpg$/.test(name)));
  }, { prefix: "demo-tower-" });
});

Deno.test({
  name: "fastBlock() has the values and gradients of residualBlock(), but for bfloat16",
  ignore: !isTensorFlow(),
  fn: async () => {
    const { clip } = trainableTower(initialTower(1));
    const block = clip.params.blocks[1];
    const x = tf.variable(tf.randomNormal<tf.Rank.R3>([2, 197, 192], 0, 1, "float32", 1));
    const dy = tf.randomNormal([2, 197, 192], 0, 1, "float32", 2);
    const { ln1, attn, ln2, cFc, cProj } = block;
    const parts = [ln1, attn.inProj, attn.outProj, ln2, cFc, cProj].flatMap((
      { weight, bias },
    ) => [weight, bias]);
    const variables = [x, ...parts] as unknown as tf.Variable[];
    const gradients = (run: typeof residualBlock | typeof fastBlock) =>
      tf.variableGrads(() => {
        const y = run(block, x as unknown as tf.Tensor3D, { heads: 3, activation: "quickgelu" });
        return tf.sum(tf.mul(y, dy)) as tf.Scalar;
      }, variables);
    const exact = gradients(residualBlock), fast = gradients(fastBlock);
    for (const { name, shape } of variables) {
      const [a, b] = [exact.grads[name], fast.grads[name]];
      const far = tf.tidy(() => tf.div(tf.norm(tf.sub(a, b)), tf.norm(a)));
      // bfloat16 keeps 8 bits: 0.4 % a product, less in sums, but where processors without it round those too; the bias of the keys, whose
      // gradient is 0, is beside others.
      assertLess((await far.data())[0], hasBfloat16 ? 0.02 : 0.03, `${name} [${shape}]`);
      far.dispose();
    }
    dispose([clip, x, dy, exact.value, exact.grads, fast.value, fast.grads]);
  },
});

Deno.test({
  name: "a learner goes on from its state as if it had not stopped",
  ignore: !isTensorFlow(),
  fn: async () => {
    const images = [textured(5), textured(6)] as Uint8Array<ArrayBuffer>[];
    const shares = new Float32Array(2 * 196).fill(0.5, 196 + 50, 196 + 90);
    const samples = { images, labels: Float32Array.of(0, 1), kinds: Int32Array.of(0, 3), shares };
    const learner = createLearner(initialTower(1), 1);
    const first = await learn(learner, samples, { learningRate: 1e-3 });
    const again = restoreLearner(learnerState(learner));
    const second = await learn(learner, samples, { learningRate: 1e-3 });
    assertLess(second.loss, first.loss);
    assertEquals(again.optimizers.matrices.step, 1);
    // Sums over threads may end in another order.
    assertAlmostEquals((await learn(again, samples, { learningRate: 1e-3 })).loss, second.loss, 1e-4);
    dispose([learner, again]);
  },
});

Deno.test("the training curve comes back from its file, with gaps where there was no probe", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/curve.csv`;
    const losses = { loss: 2.5, patch: 0.5, cls: 0.625, kind: 1.5, accuracy: 0.75, norm: 4 };
    const none = { mean_demo: undefined, mean_shift_a: undefined, mean_shift_b: undefined };
    const point = {
      step: 20,
      images: 640,
      learning_rate: 1e-3,
      ...losses,
      demo: 0.875,
      shift_a: 0.5,
      shift_b: 0.75,
    };
    await Deno.writeTextFile(
      path,
      curveText([{ ...point, ...none, demo: undefined }, { ...point, ...none }]),
    );
    assertEquals(await readCurve(path), [{ ...point, ...none, demo: undefined }, { ...point, ...none }]);
  }, { prefix: "demo-tower-" });
});
