import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { dispose } from "../../lib/backend/tensors.ts";
import { initBackend } from "../../lib/backend/start.ts";
import { InputError } from "../../lib/base/errors.ts";
import { meanMap } from "../../lib/model/maps/map.ts";
import { resolveConfig } from "../../lib/runs/config/config.ts";
import { createDetector, type TrainedDetector } from "../../lib/runs/detectors.ts";
import { openEncoder } from "../../lib/runs/encoder.ts";
import { imageMaps, imageTrust, mapSubject } from "../../lib/runs/maps.ts";
import { createRandom } from "../../lib/base/random.ts";
import { detectorKind } from "../../lib/model/detectors/mod.ts";
import { heldTensors } from "../tensors.ts";

await initBackend();

function noise(seed: number, size: number): Uint8Array {
  const random = createRandom(seed, "noise");
  return Uint8Array.from({ length: size * size * 3 }, () => random.integer(256));
}

Deno.test("imageMaps() draws what adds up to the detector's own logit, whatever is drawn together, and imageTrust() tests it", async () => {
  const config = resolveConfig({
    ...{ clip: "demo-tower", precision: "float32", cache: false, depth: 1, feedForward: 32 },
  });
  const encoder = await openEncoder(config);
  const detector: TrainedDetector = createDetector(config, { encoder, seed: 1 });
  const subject = mapSubject(detector, { config, encoder });
  assertEquals([subject.tap, subject.clip === encoder.clip], ["tokens", true]);
  const images = [1, 2, 3].map((seed) => noise(seed, encoder.input.size));
  const features = await encoder.trunk("tokens").features(images);
  const scores = await detector.scores(features);
  dispose(features);
  const maps = await imageMaps("gradient", images, { subject, encoder, batchSize: 2 });
  const before = heldTensors(); // the weights among them, which TensorFlow holds from the first op on that takes them
  for (const [i, { patches, classToken, even, total }] of maps.entries()) {
    assertEquals(patches.length, 196);
    assertAlmostEquals(patches.reduce((a, b) => a + b, classToken + even), total, 1e-4); // float32 sums in another order
    assertAlmostEquals(1 / (1 + Math.exp(-total)), scores[i], 1e-4); // op by op and in one graph
  }
  const [alone] = await imageMaps("gradient", [images[1]], { subject, encoder });
  alone.patches.forEach((share, i) => assertAlmostEquals(share, maps[1].patches[i], 1e-4)); // another batch size
  const [attended] = await imageMaps("rollout", images.slice(0, 1), { subject, encoder });
  assertAlmostEquals(attended.patches.reduce((a, b) => a + b, attended.classToken), 1, 1e-5);
  const map = meanMap(maps.map(({ patches }) => patches));
  const trust = await imageTrust(map, images, { kind: "gradient", subject, encoder });
  assertEquals([trust.images, trust.isSigned, trust.deletion.scores.length], [3, true, 11]);
  assertAlmostEquals(trust.deletion.scores[0], scores.reduce((a, b) => a + b) / 3, 1e-4);
  const { deletion, randomDeletion } = await imageTrust(maps[0].patches, images.slice(0, 1), {
    ...{ kind: "gradient", subject, encoder } as const,
  });
  assertLess(deletion.area, randomDeletion.area); // of the image that it is of, the map knows more than chance
  assertEquals(heldTensors(), before);
  detector.close();
  encoder.close();
});

Deno.test("mapSubject() takes the tower that a detector's training changed, and refuses what it cannot go through", async () => {
  const config = resolveConfig({
    ...{ clip: "demo-tower", detector: "ln-tuned", precision: "float32", cache: false },
  });
  const encoder = await openEncoder(config);
  const training = createDetector(config, { encoder, seed: 1 });
  assertThrows(
    () => mapSubject(training, { config, encoder }),
    InputError,
    "expected a detector on a tower's tokens, as a trained one is opened, but found one in training",
  );
  const { tuned } = detectorKind("ln-tuned");
  const dict = training.state();
  const clip = tuned!.tower(dict, config);
  const rest = tuned!.bind(dict, config);
  const trunk = encoder.trunk("clsToken");
  const subject = mapSubject({ ...rest, trunk, clip }, { config, encoder });
  assertEquals([subject.tap, subject.clip === clip], ["clsToken", true]);
  assertThrows(
    () => mapSubject({ ...rest, trunk }, { config, encoder: { ...encoder, clip: undefined } }),
    InputError,
    "Cannot draw a map: expected a CLIP",
  );
  rest.close();
  dispose(clip);
  training.close();
  encoder.close();
});
