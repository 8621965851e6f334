import { assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../lib/base/errors.ts";
import { type Fairness, measureFairness } from "../../lib/metrics/fairness.ts";
import { bootstrapIntervals } from "../../lib/metrics/intervals/bootstrap.ts";

/** Predictions of a group: `count` of each class, whose scores overlap. */
function overlapping(count: number, lift = 0): { labels: number[]; scores: number[] } {
  const labels = Array.from({ length: 2 * count }, (_, i) => i % 2);
  return { labels, scores: labels.map((label, i) => (3 * label + (i * 7) % 11 + lift) / 20) };
}

const groupOf = ({ groups }: Fairness, name: string) => groups.find((each) => each.name === name)!;

Deno.test("measureFairness() gives the rates of each group and the widest gaps, counted by hand", () => {
  const rows = [
    ["a", 0, 0.1],
    ["a", 0, 0.6],
    ["a", 1, 0.4],
    ["a", 1, 0.9],
    ["b", 0, 0.2],
    ["b", 1, 0.3],
    ["b", 1, 0.8],
    ["b", 1, 0.9],
    ["reals", 0, 0.7],
    ["fakes", 1, 0.5],
    ["", 1, 0.1],
  ] as const;
  const found = measureFairness({
    labels: rows.map(([, label]) => label),
    scores: rows.map(([, , score]) => score),
    groups: rows.map(([name]) => name),
  });
  const rates = found.groups.map(({ name, real, fake, auc, fpr, tpr }) => [name, real, fake, auc, fpr, tpr]);
  assertEquals(rates, [
    ["a", 2, 2, 0.75, 0.5, 0.5],
    ["b", 1, 3, 1, 0, 2 / 3],
    ["reals", 1, 0, null, 1, null],
    ["fakes", 0, 1, null, null, 1],
  ]);
  assertEquals(found.gaps, [
    { rate: "auc", highest: "b", lowest: "a", gap: 0.25, interval: null },
    { rate: "fpr", highest: "reals", lowest: "b", gap: 1, interval: null },
    { rate: "tpr", highest: "fakes", lowest: "a", gap: 0.5, interval: null },
  ]);
  assertEquals([found.unknown, found.units], [1, 11]);
});

Deno.test("measureFairness() moves with the threshold, which a score may equal", () => {
  const predictions = { labels: [0, 1], scores: [0.5, 0.7], groups: ["a", "a"] };
  const rates = (threshold: number) => {
    const [{ fpr, tpr }] = measureFairness(predictions, { threshold, samples: 1 }).groups;
    return [fpr, tpr];
  };
  assertEquals([rates(0.5), rates(0.6), rates(0.8)], [[1, 1], [0, 1], [0, 0]]);
});

Deno.test("measureFairness() of one group has the intervals of bootstrapIntervals()", () => {
  const { labels, scores } = overlapping(40);
  const all = labels.map(() => "all");
  const units = labels.map((_, i) => i >> 2);
  const [{ intervals }] = measureFairness({ labels, scores, groups: all }, { units }).groups;
  assertEquals(intervals.auc, bootstrapIntervals(labels, scores, { groups: units }).auc);
  // Where all are fake, the accuracy is the true positive rate.
  const fakes = labels.map(() => 1);
  const [{ intervals: ofFakes }] = measureFairness({ labels: fakes, scores, groups: all }, { units }).groups;
  assertEquals(ofFakes.tpr, bootstrapIntervals(fakes, scores, { groups: units }).accuracy);
  assertEquals([ofFakes.auc, ofFakes.fpr], [null, null]);
});

Deno.test("measureFairness() draws both groups of a gap together", () => {
  const { labels, scores } = overlapping(20);
  const twice = <Value>(values: readonly Value[]) => [...values, ...values];
  const groups = [...labels.map(() => "a"), ...labels.map(() => "b")];
  const predictions = { labels: twice(labels), scores: twice(scores), groups };
  // Each unit has the same score in both groups: no resample tells them apart.
  const { gaps, ...together } = measureFairness(predictions, { units: twice(labels.map((_, i) => i)) });
  assertEquals(gaps.map(({ gap, interval }) => [gap, interval]), [[0, null], [0, null], [0, null]]);
  assertEquals(groupOf({ gaps, ...together }, "a").intervals, groupOf({ gaps, ...together }, "b").intervals);
  const alone = measureFairness(predictions);
  assertEquals(alone.gaps.every(({ interval }) => interval!.low < 0 && interval!.high > 0), true);
});

Deno.test("measureFairness() gives no interval where a rate has fewer than ten units", () => {
  const many = overlapping(30, 1);
  const few = overlapping(9);
  const groups = [
    ...many.labels.map(() => "many"),
    ...few.labels.map(() => "few"),
    ...Array(12).fill("fakes"),
  ];
  const found = measureFairness({
    labels: [...many.labels, ...few.labels, ...Array(12).fill(1)],
    scores: [...many.scores, ...few.scores, ...Array.from({ length: 12 }, (_, i) => i / 12)],
    groups,
  });
  const known = (name: string) => Object.values(groupOf(found, name).intervals).map((each) => each !== null);
  assertEquals(known("many"), [true, true, true]);
  assertEquals(known("few"), [false, false, false]);
  assertEquals(known("fakes"), [false, false, true]);
  // Twelve fakes of two videos are two units.
  const units = groups.map((name, i) => name === "fakes" ? `video ${i % 2}` : i);
  const byVideo = measureFairness(
    { labels: [...many.labels, ...few.labels, ...Array(12).fill(1)], scores: groups.map(() => 0.5), groups },
    { units },
  );
  assertEquals(groupOf(byVideo, "fakes").intervals.tpr, null);
});

Deno.test("measureFairness() gives the same intervals for the same seed, and refuses groups of another number", () => {
  const { labels, scores } = overlapping(15);
  const predictions = { labels, scores, groups: labels.map((_, i) => `${i % 3}`) };
  assertEquals(measureFairness(predictions, { seed: 1 }), measureFairness(predictions, { seed: 1 }));
  assertThrows(
    () => measureFairness({ ...predictions, groups: ["a"] }),
    InputError,
    "Cannot measure by group: expected one group per score but found 1 groups and 30 scores",
  );
});
