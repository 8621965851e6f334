import { assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { epochOrder, fakeShare, sampleWeights, setShares } from "../../lib/data/epoch.ts";
import type { Sample } from "../../lib/data/sample.ts";
import { InputError } from "../../lib/base/errors.ts";
import { count, samplesOf } from "./made_samples.ts";

Deno.test("epochOrder() without balance is a permutation that changes with seed and epoch alone", () => {
  const samples = samplesOf([[0, "real", 5, 2], [1, "a", 10, 2]]);
  const order = epochOrder(samples, { seed: 0, epoch: 1, balance: false });
  assertEquals(order.toSorted((a, b) => a - b), samples.map((_, i) => i));
  assertEquals(epochOrder(samples, { seed: 0, epoch: 1, balance: false }), order);
  assertNotEquals(epochOrder(samples, { seed: 0, epoch: 2, balance: false }), order);
  assertNotEquals(epochOrder(samples, { seed: 1, epoch: 1, balance: false }), order);
});

Deno.test("epochOrder() with balance draws classes, and methods within the fakes, equally often", () => {
  const samples = samplesOf([[0, "real", 10, 2], [1, "a", 30, 1], [1, "b", 5, 1], [1, "c", 5, 1]]);
  const chosen = epochOrder(samples, { seed: 3, epoch: 1, balance: true }).map((i) => samples[i]);
  assertEquals(chosen.length, samples.length);
  assertEquals(
    count(chosen.map(({ method }) => method)),
    new Map([["real", 30], ["a", 10], ["b", 10], ["c", 10]]) as never,
  );
  // A group that is smaller than its share is gone through before any of its samples comes again.
  const times = [...count(chosen.filter(({ method }) => method === "b").map(({ path }) => path)).values()];
  assertEquals(times, [2, 2, 2, 2, 2]);
});

Deno.test("epochOrder() refuses to balance one class, which it could do for ever", () => {
  for (const label of [0, 1] as const) {
    const samples = samplesOf([[label, "a", 2, 2]]);
    assertThrows(
      () => epochOrder(samples, { seed: 0, epoch: 1, balance: true }),
      InputError,
      "found one class",
    );
    assertEquals(epochOrder(samples, { seed: 0, epoch: 1, balance: false }).length, 4);
  }
});

/** Eight images each, of a three quarters fake, of b three quarters real. */
const two = [
  ...samplesOf([[0, "real", 2, 1], [1, "x", 6, 1]], "a"),
  ...samplesOf([[0, "real", 6, 1], [1, "x", 2, 1]], "b"),
];

Deno.test("setShares() gives each set images in proportion to its size times its weight, hand-computed", () => {
  const counts = (samples: readonly Sample[], weights: Readonly<Record<string, number>>) =>
    setShares(samples, new Map(Object.entries(weights))).map(({ set, count }) => [set, count]);
  assertEquals(counts(two, {}), [["a", 8], ["b", 8]]);
  assertEquals(counts(two, { b: 3 }), [["a", 4], ["b", 12]]); // 8 to 24, of 16
  assertEquals(counts(two, { a: 0.5, b: 1.5 }), [["a", 4], ["b", 12]]); // ratios alone count
  const uneven = [...samplesOf([[0, "real", 4, 1]], "a"), ...samplesOf([[0, "real", 3, 1]], "b")];
  assertEquals(counts(uneven, { b: 2 }), [["a", 3], ["b", 4]]); // 2.8 and 4.2 of 7
  const { message } = assertThrows(() => counts(two, { b: 100 }), InputError); // 0.16 of 16
  assertEquals(
    message,
    "Cannot mix the training sets: expected at least 2 images of a in an epoch of 16 but found 0, by its weight of 1; give it a greater weight, or the others smaller ones",
  );
});

Deno.test("epochOrder() with weights draws each set's part, none of its images again before all have come", () => {
  const weights = new Map([["b", 3]]);
  const order = epochOrder(two, { seed: 0, epoch: 1, balance: false, weights });
  assertEquals(order.length, two.length);
  const times = count(order);
  const of = (set: string) => [...times].filter(([i]) => two[i].set === set).map(([, many]) => many);
  assertEquals(of("a"), [1, 1, 1, 1]);
  assertEquals(of("b").toSorted(), [1, 1, 1, 1, 2, 2, 2, 2]);
  assertEquals(epochOrder(two, { seed: 0, epoch: 1, balance: false, weights }), order);
  assertNotEquals(epochOrder(two, { seed: 0, epoch: 2, balance: false, weights }), order);
  // Equal weights are the sets one after the other, in another order.
  const plain = epochOrder(two, { seed: 0, epoch: 1, balance: false, weights: new Map([["b", 1]]) });
  assertEquals(plain.toSorted((a, b) => a - b), [...two.keys()]);
});

Deno.test("epochOrder() with weights balances classes within each set, so that no set stands for one", () => {
  const weights = new Map([["b", 3]]);
  const chosen = epochOrder(two, { seed: 0, epoch: 1, balance: true, weights }).map((i) => two[i]);
  assertEquals(
    Object.fromEntries(count(chosen.map(({ set, label }) => `${set} ${label}`))),
    { "a 0": 2, "a 1": 2, "b 0": 6, "b 1": 6 },
  );
  const single = [...two, ...samplesOf([[1, "x", 8, 1]], "c")];
  assertThrows(
    () => epochOrder(single, { seed: 0, epoch: 1, balance: true, weights }),
    InputError,
    "expected real and fake training images of c but found one class",
  );
});

Deno.test("sampleWeights() and fakeShare() are what epochOrder() draws, in the mean of many epochs", () => {
  const weights = new Map([["b", 3]]);
  for (const balance of [true, false]) {
    const expected = sampleWeights(two, { balance, weights })!;
    const drawn = new Float64Array(two.length);
    let fakes = 0;
    const epochs = 600;
    for (let epoch = 1; epoch <= epochs; epoch++) {
      for (const i of epochOrder(two, { seed: 0, epoch, balance, weights })) {
        drawn[i] += 1 / epochs;
        fakes += two[i].label / epochs / two.length;
      }
    }
    // A count of 0, 1 or 2 a draw has a deviation of at most 0.5: 600 draws' mean is within 0.1 of it, five deviations.
    drawn.forEach((mean, i) => assertAlmostEquals(mean, expected[i], 0.1));
    assertAlmostEquals(fakes, fakeShare(two, { balance, weights })!, 0.02);
  }
  assertEquals([...sampleWeights(two, { balance: false, weights })!], [
    ...Array(8).fill(0.5),
    ...Array(8).fill(1.5),
  ]);
  assertEquals(
    [...sampleWeights(two, { balance: true, weights })!],
    [1, 1, ...Array(6).fill(4 / 2 / 6), ...Array(6).fill(1), 3, 3],
  );
  assertEquals(fakeShare(two, { balance: false, weights }), (4 * 6 / 8 + 12 * 2 / 8) / 16);
  assertEquals(fakeShare(two, { balance: false }), 0.5);
  assertEquals(fakeShare([], { balance: false }), undefined);
  assertEquals(sampleWeights(two, { balance: false }), undefined);
});

Deno.test("epochOrder() with replacement draws each place for itself, balanced over classes and methods or not at all", () => {
  const samples = Array.from({ length: 3000 }, (_, i) => ({
    ...{ path: `${i}.png`, set: "faces", label: i < 300 ? 0 : 1 } as const,
    method: i < 300 ? undefined : i < 600 ? "few" : "many",
  }));
  const options = { seed: 3, epoch: 1, replaced: true };
  const plain = epochOrder(samples, { ...options, balance: false });
  assertEquals(plain.length, samples.length);
  // Of n draws out of n a share of 1/e is never drawn; 0.03 is more than three standard deviations here and below.
  assertAlmostEquals(new Set(plain).size / 3000, 1 - 1 / Math.E, 0.03);
  const drawn = epochOrder(samples, { ...options, balance: true }).map((i) => samples[i]);
  const share = (is: (sample: typeof samples[number]) => boolean) => drawn.filter(is).length / 3000;
  assertAlmostEquals(share(({ label }) => label === 0), 1 / 2, 0.03);
  assertAlmostEquals(share(({ method }) => method === "few"), 1 / 4, 0.03);
});
