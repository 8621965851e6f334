import {
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { dispose } from "../../../lib/backend/tensors.ts";
import type { Scorer } from "../../../lib/model/detectors/detector.ts";
import { clsTokenOf, encodeTokens } from "../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { meanMap } from "../../../lib/model/maps/map.ts";
import { type Trust, trustOf } from "../../../lib/model/maps/trust.ts";
import { tensorTest } from "../../tensors.ts";

const sizes = { width: 32, layers: 1, heads: 2, imageSize: 32, patchSize: 8, embedDim: 8 };
const options = { activation: "quickgelu", attendAcross: "tokens", heads: 2 } as const;

/** Scores by the number of tokens alone, or by what `scores` makes of them. */
function scorer(scores: (tokens: tf.Tensor3D) => number[]): Scorer {
  return {
    kind: "made",
    sizes: { dim: 32 },
    scores: (features) => Promise.resolve(Float64Array.from(scores(features as tf.Tensor3D))),
    state: () => new Map(),
    close: () => {},
  };
}

const countOf = scorer(({ shape: [B, N] }) => Array.from({ length: B }, () => (N - 1) / 16));

tensorTest(
  "trustOf() scores with all patches first and one last, and measures areas by trapezoids",
  async () => {
    const clip = bindClip(randomClip(sizes, 1), options);
    const pixels = tf.randomNormal<tf.Rank.R4>([1, 32, 32, 3], 0, 1, "float32", 2);
    const map = Array.from({ length: 16 }, (_, i) => i);
    const subject = { clip, scorer: countOf, tap: "tokens" } as const;
    const trust = await trustOf(map, { subject, pixels, isSigned: true, steps: 4 });
    assertEquals(trust.deletion.scores, [1, 0.75, 0.5, 0.25, 1 / 16]);
    assertEquals(trust.insertion.scores, [1 / 16, 0.25, 0.5, 0.75, 1]);
    assertEquals(trust.randomDeletion, trust.deletion); // where a score is of the count alone, no order is better
    assertEquals(trust.randomInsertion, trust.insertion);
    assertAlmostEquals(trust.deletion.area, (0.5 + 0.75 + 0.5 + 0.25 + 1 / 32) / 4, 1e-12);
    assertEquals([trust.called, trust.images], [1, 1]);
    const real = await trustOf(map, { subject, pixels, isSigned: true, steps: 4, threshold: 1.1 });
    assertEquals(real.called, 0);
    assertAlmostEquals(real.deletion.area, 1 - trust.deletion.area, 1e-12); // of the probability of real
    dispose([clip, pixels]);
  },
);

tensorTest("trustOf() takes away first what speaks most for the class that an image is called", async () => {
  const clip = bindClip(randomClip(sizes, 1), options);
  const pixels = tf.randomNormal<tf.Rank.R4>([1, 32, 32, 3], 0, 1, "float32", 2);
  // Fake where the sixth patch's token is among those of the tower: a tower without blocks hands them on.
  const bare = { config: { ...clip.config, layers: 0 }, params: { ...clip.params, blocks: [] } };
  const wanted = encodeTokens(bare, pixels);
  const [, , , , , , sixth] = wanted.arraySync()[0];
  dispose(wanted);
  const hasSixth = (tokens: tf.Tensor3D) =>
    tokens.arraySync().map((each) => each.some((row) => row.every((x, i) => x === sixth[i])) ? 0.9 : 0.1);
  const subject = { clip: bare, scorer: scorer(hasSixth), tap: "tokens" } as const;
  const map = Array.from({ length: 16 }, (_, i) => i === 5 ? 1 : 0);
  const good = await trustOf(map, { subject, pixels, isSigned: true, steps: 16 });
  assertEquals(good.deletion.scores, [0.9, ...new Array(16).fill(0.1)]);
  assertEquals(good.insertion.scores, new Array(17).fill(0.9));
  assertLess(good.deletion.area, good.randomDeletion.area);
  assertGreater(good.insertion.area, good.randomInsertion.area);
  const bad = await trustOf(map.map((value) => -value), { subject, pixels, isSigned: true, steps: 16 });
  assertGreater(bad.deletion.area, bad.randomDeletion.area);
  // Called real: what is below 0 goes first, unless the map has no sign.
  const negative = map.map((value) => -value);
  const real = await trustOf(negative, { subject, pixels, isSigned: true, steps: 16, threshold: 0.95 });
  assertEquals(real.deletion.scores, good.deletion.scores);
  const unsigned = await trustOf(map, { subject, pixels, isSigned: false, steps: 16, threshold: 0.95 });
  assertEquals(unsigned.deletion.scores, good.deletion.scores);
  dispose([clip, pixels]);
});

tensorTest("trustOf() takes the mean over images of one map, the same on every call", async () => {
  const clip = bindClip(randomClip({ ...sizes, layers: 2 }, 1), options);
  const pixels = tf.randomNormal<tf.Rank.R4>([3, 32, 32, 3], 0, 1, "float32", 2);
  const bySize = scorer((tokens) =>
    tf.tidy(() => Array.from(tf.sigmoid(tf.sum(clsTokenOf(tokens), 1)).dataSync()))
  );
  const subject = { clip, scorer: bySize, tap: "tokens" } as const;
  const map = Array.from({ length: 16 }, (_, i) => Math.sin(i));
  const all = await trustOf(map, { subject, pixels, isSigned: false, steps: 5 });
  assertEquals(await trustOf(map, { subject, pixels, isSigned: false, steps: 5 }), all);
  assertEquals(all.images, 3);
  const each: Trust[] = [];
  for (let i = 0; i < 3; i++) {
    const one = tf.slice(pixels, [i, 0, 0, 0], [1, -1, -1, -1]);
    each.push(await trustOf(map, { subject, pixels: one, isSigned: false, steps: 5 }));
    one.dispose();
  }
  all.deletion.scores.forEach((score, step) => {
    const mean = each.reduce((sum, { deletion }) => sum + deletion.scores[step] / 3, 0);
    assertAlmostEquals(score, mean, 1e-6); // float32
  });
  dispose([clip, pixels]);
});

tensorTest("trustOf() refuses a map of another size", async () => {
  const clip = bindClip(randomClip(sizes, 1), options);
  const pixels = tf.zeros<tf.Rank.R4>([1, 32, 32, 3]);
  await assertRejects(
    () => trustOf([1, 2], { subject: { clip, scorer: countOf, tap: "tokens" }, pixels, isSigned: true }),
    Error,
    "Cannot test a map: expected 16 patches but found 2",
  );
  dispose([clip, pixels]);
});

Deno.test("meanMap() gives each patch's mean, and refuses none and maps of several sizes", () => {
  assertEquals(meanMap([[1, 2], [3, -4]]), Float32Array.of(2, -1));
  assertThrows(() => meanMap([]), Error, "expected one or more of one size but found none");
  assertThrows(() => meanMap([[1], [1, 2]]), Error, "found maps of 1, 2 patches");
});
