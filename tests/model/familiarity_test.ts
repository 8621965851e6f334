import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../lib/base/errors.ts";
import { createRandom } from "../../lib/base/random.ts";
import { bindFamiliarity, distances, familiarityState, fitFamiliarity } from "../../lib/model/familiarity.ts";

Deno.test("fitFamiliarity() and distances(), hand-computed on a cross", () => {
  // Mean 0, covariance diag(4/2, 1/2) = diag(2, .5): the sphere is 1.25, ‖cov‖² = 4.25, apart = 4.25 − 2 · 1.5625 = 1.125;
  // Σ‖x‖⁴ / 4 = (16 + 16 + 1 + 1) / 4 = 8.5, noise = (8.5 − 4.25) / 4 = 1.0625.
  const cross = { data: Float64Array.of(2, 0, -2, 0, 0, 1, 0, -1), shape: [4, 2] as const };
  const familiarity = fitFamiliarity(cross);
  const share = 1.0625 / 1.125;
  assertAlmostEquals(familiarity.shrinkage, share, 1e-7);
  const variances = [2, 0.5].map((value) => (1 - share) * value + share * 1.25);
  const [far, near] = distances(familiarity, { data: Float64Array.of(3, 4, 0, 0), shape: [2, 2] });
  assertAlmostEquals(far, Math.sqrt((9 / variances[0] + 16 / variances[1]) / 2), 1e-6);
  assertEquals(near, 0);
});

Deno.test("distances() are about 1 for what was drawn alike, and large for what was not, with fewer images than dimensions too", () => {
  const random = createRandom(3);
  const draw = (n: number, shift: number) => (
    {
      data: Float32Array.from({ length: n * 40 }, (_, i) => (1 + i % 5) * random.normal() + shift),
      shape: [n, 40] as const,
    }
  );
  for (const n of [20, 400]) {
    const familiarity = fitFamiliarity(draw(n, 7));
    const mean = (values: Float64Array) => values.reduce((a, b) => a + b) / values.length;
    const alike = mean(distances(familiarity, draw(200, 7)));
    assert(alike > 0.8 && alike < 1.3, `${alike} with ${n}`);
    assert(mean(distances(familiarity, draw(200, 20))) > 3 * alike);
  }
});

Deno.test("bindFamiliarity() takes what familiarityState() gives, and refuses another", () => {
  const data = Float64Array.of(1, 2, 3, 5, 8, 13);
  const familiarity = fitFamiliarity({ data, shape: [3, 2] });
  const state = familiarityState(familiarity);
  assertEquals(bindFamiliarity(state), familiarity);
  state.delete("factor");
  assertThrows(() => bindFamiliarity(state), InputError, "1 missing: factor");
  assertThrows(() => fitFamiliarity({ data: new Float64Array(6), shape: [3, 2] }), Error, "that differ");
  assertThrows(() => distances(familiarity, { data, shape: [2, 3] }), Error, "expected width 2 but found 3");
});
