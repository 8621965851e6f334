import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { metricNames, metrics } from "../../lib/metrics/metrics/mod.ts";
import { rankScores, recount } from "../../lib/metrics/ranking.ts";

/** Predictions, full of ties, and how often each of them counts: some never. */
const resamples = fc.array(
  fc.record({ label: fc.constantFrom(0, 1), score: fc.integer({ min: 0, max: 6 }), count: fc.nat(3) }),
  { minLength: 1 },
).filter((all) => all.some(({ count }) => count > 0));

for (const name of metricNames) {
  Deno.test(`${name} of a resample is that of predictions that stand there as often as they count`, () => {
    fc.assert(fc.property(resamples, fc.constantFrom(0.2, 0.5, 1), (all, threshold) => {
      const ranked = rankScores(all.map(({ label }) => label), all.map(({ score }) => score / 6));
      for (const [i, { count }] of all.entries()) ranked.counts[ranked.ranks[i]] = count;
      recount(ranked);
      const copies = all.flatMap((each) => Array.from({ length: each.count }, () => each));
      const copied = evaluateScores(copies.map(({ label }) => label), copies.map(({ score }) => score / 6), {
        threshold,
      });
      const value = metrics[name].measure(ranked, { threshold });
      // The same float64 numbers, added in another order.
      if (value === null || copied[name] === null) assertEquals(value, copied[name]);
      else assertAlmostEquals(value, copied[name], 1e-9);
    }));
  });

  Deno.test(`${name} is at its best for a perfect detector, better than for an inverted one`, () => {
    const labels = [0, 0, 1, 1, 1];
    const [perfect, inverted] = [labels, labels.map((label) => 1 - label)].map((scores) =>
      evaluateScores(labels, scores)[name] as number
    );
    assert(metrics[name].better === "higher" ? perfect > inverted : perfect < inverted);
    // Both charts have an axis from 0 to 1 that says 'higher is better'.
    if (metrics[name].chart) assertEquals([metrics[name].better, perfect], ["higher", 1]);
  });
}
