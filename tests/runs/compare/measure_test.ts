import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Matched } from "../../../lib/runs/compare/match.ts";
import { holm, measureInputs, measurePairs } from "../../../lib/runs/compare/measure.ts";

const labels = Array.from({ length: 60 }, (_, i) => i % 2);
const noisy = (seed: number) =>
  Float64Array.from(labels, (label, i) => (0.6 * label + ((i * seed + 7) % 61) / 61) / 1.6);
const matched: Matched = {
  level: "video",
  labels,
  scores: [[noisy(17)], [noisy(23)], [noisy(29)]],
  leftOut: [0, 2, 0],
  images: [],
  frames: [1, 1, 1],
};

Deno.test("measurePairs() gives the difference, standard error and p that DeLong's test has by hand", () => {
  const scores = [[0.1, 0.2, 0.8, 0.9], [0.1, 0.8, 0.2, 0.9]].map((each) => [Float64Array.from(each)]);
  const four: Matched = { ...matched, labels: [0, 0, 1, 1], scores, leftOut: [0, 0] };
  const [{ difference, deLong, holm, byVideo }] = measurePairs(four, ["a", "b"]);
  assertEquals(difference, 0.25); // 1 against three of four pairs in order
  // Of each class one of two is placed half as well by b: variance 1/8, over two, twice.
  assertAlmostEquals(deLong!.standardError, Math.sqrt(1 / 8), 1e-15);
  assertAlmostEquals(deLong!.p!, 0.479500122186953, 1e-12); // 2 (1 - Φ(0.25 / √(1/8)))
  assertEquals([holm, byVideo.interval], [null, null]); // one pair; fewer than ten videos of a class
});

Deno.test("measurePairs() gives minus the difference when the detectors are swapped, with the same p", () => {
  const [ab] = measurePairs({ ...matched, scores: matched.scores.slice(0, 2) }, ["a", "b"]);
  const [ba] = measurePairs({ ...matched, scores: matched.scores.slice(0, 2).toReversed() }, ["b", "a"]);
  assert(ab.difference !== 0);
  assertAlmostEquals(ba.difference!, -ab.difference!, 1e-15);
  assertEquals(ba.deLong!.p, ab.deLong!.p);
  // The resamples are the same ones; the ends are interpolated, so the last digit may differ.
  assertAlmostEquals(ba.byVideo.interval!.low, -ab.byVideo.interval!.high, 1e-12);
  assertAlmostEquals(ba.byVideo.interval!.high, -ab.byVideo.interval!.low, 1e-12);
});

Deno.test("measurePairs() finds no difference and p 1 between detectors of the same scores", () => {
  const [pair] = measurePairs({ ...matched, scores: [[noisy(17)], [noisy(17)]] }, ["a", "b"]);
  assertEquals([pair.difference, pair.deLong], [0, { difference: 0, standardError: 0, p: 1 }]);
  assertEquals(pair.byVideo.interval, null);
});

Deno.test("measurePairs() takes each two of three, with Holm's correction over the three", () => {
  const pairs = measurePairs(matched, ["a", "b", "c"]);
  assertEquals(pairs.map(({ first, second }) => first + second), ["ab", "ac", "bc"]);
  assertEquals(pairs.map(({ holm }) => holm), holm(pairs.map(({ deLong }) => deLong!.p)));
});

Deno.test("measurePairs() also draws groups of persons where they are known", () => {
  const persons = labels.map((_, i) => `persons ${i >> 2}`); // each group has videos of both classes
  const [pair] = measurePairs({ ...matched, persons }, ["a", "b", "c"]);
  assertEquals([pair.byVideo.units, pair.byPersons!.units], [60, 15]);
  assert(pair.byPersons!.interval!.low !== pair.byVideo.interval!.low);
});

Deno.test("measurePairs() has no test of one class, and no p of a difference without a standard error", () => {
  const fakes: Matched = { ...matched, labels: labels.map(() => 1) };
  const [alone] = measurePairs(fakes, ["a", "b", "c"]);
  assertEquals([alone.difference, alone.deLong, alone.holm], [null, null, null]);
  const scores = [[0, 0, 1, 1], [1, 1, 0, 0]].map((each) => [Float64Array.from(each)]);
  const [pair] = measurePairs({ ...matched, labels: [0, 0, 1, 1], scores }, ["a", "b"]);
  assertEquals(pair.deLong, { difference: 1, standardError: 0, p: null });
});

Deno.test("measureInputs() gives each seed's metrics, the first seed's interval and what was left out", () => {
  const twice: Matched = { ...matched, scores: [[noisy(17), noisy(23)], [noisy(23)], [noisy(29)]] };
  const [a, b] = measureInputs(twice, ["a", "b", "c"]);
  assertEquals([a.runs!.length, a.runs![0], b.runs], [2, a.metrics, undefined]);
  assertEquals(a.runs![1], b.metrics);
  assertEquals([a.leftOut, b.leftOut], [0, 2]);
  assertEquals(measureInputs(matched, ["a", "b", "c"])[0].interval, a.interval);
});

Deno.test("holm() multiplies the smallest p by their number, the next by one less, and never falls", () => {
  const [a, b, c] = holm([0.01, 0.04, 0.03]);
  assertAlmostEquals(a!, 0.03, 1e-15);
  assertAlmostEquals(c!, 0.06, 1e-15);
  assertEquals(b, c); // 0.04 alone would be smaller than the one before it
  assertEquals(holm([0.6, null, 0.7]), [1, null, 1]); // 1.2 and 0.7, which may not fall below
  assertEquals(holm([]), []);
});
