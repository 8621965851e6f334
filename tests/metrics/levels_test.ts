import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InputError } from "../../lib/base/errors.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { valuesByVideo, type VideoLevel, videoLevels, videoScores } from "../../lib/metrics/levels.ts";
import protocol from "../fixtures/protocol.json" with { type: "json" };

// Both sides add the same float64 numbers in another order, and the fixture's EER is found by bisection.
const rounding = 1e-9;
const compared = ["n", "auc", "ap", "eer", "accuracy", "balancedAccuracy"] as const;
const frames = [
  { video: "b", label: 1, score: 0.9 },
  { video: "a", label: 0, score: 0.2 },
  { video: "b", label: 1, score: 0.1 },
  { video: "b", label: 1, score: 0.8 },
  { video: "a", label: 0, score: 0.5 },
  { video: "a", label: 1, score: 0.7 },
];

Deno.test("evaluateScores() matches scikit-learn at frame level", () => {
  const { rows } = protocol;
  const metrics = evaluateScores(rows.map(({ label }) => label), rows.map(({ score }) => score));
  for (const name of compared) assertAlmostEquals(metrics[name]!, protocol.frame[name], rounding, name);
});

for (const how of Object.keys(videoLevels) as VideoLevel[]) {
  Deno.test(`videoScores() with the ${how} of the frames matches NumPy and scikit-learn`, () => {
    const { labels, scores } = videoScores(protocol.rows, { how });
    const metrics = evaluateScores(labels, scores);
    for (const name of compared) {
      assertAlmostEquals(metrics[name]!, protocol[`video.${how}`][name], rounding, name);
    }
  });
}

Deno.test("videoScores() groups by label and video in the order of first appearance, hand-computed", () => {
  const { scores, ...rest } = videoScores(frames, { how: "mean" });
  assertEquals(rest, {
    labels: [1, 0, 1],
    videos: ["b", "a", "a"],
    firstRows: [0, 1, 5],
    videoOf: Uint32Array.of(0, 1, 0, 0, 1, 2),
  });
  assertAlmostEquals(scores[0], 0.6, 1e-15);
  assertEquals(scores.slice(1), [0.35, 0.7]);
  assertEquals(videoScores(frames, { how: "median" }).scores, [0.8, 0.35, 0.7]);
  assertEquals(videoScores(frames, { how: "max" }).scores, [0.9, 0.5, 0.7]);
});

Deno.test("videoScores() gives frames that agree their own score to the last bit, and takes logits", () => {
  const equal = (video: string, count: number) =>
    Array.from({ length: count }, () => ({ video, label: 1, score: 0.1 }));
  for (const how of Object.keys(videoLevels) as VideoLevel[]) {
    assertEquals(videoScores([...equal("a", 3), ...equal("b", 10)], { how }).scores, [0.1, 0.1]);
  }
  const logits = [{ video: "a", label: 1, score: -7 }, { video: "a", label: 1, score: -9 }];
  assertEquals(videoScores(logits, { how: "mean" }).scores, [-8]);
  assertEquals(videoScores(logits, { how: "max" }).scores, [-7]);
});

Deno.test("videoScores() is unmoved by the order of a video's frames, and lies between its lowest and highest", () => {
  const scores = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 });
  fc.assert(fc.property(scores, fc.constantFrom("mean", "median", "max"), (all, how) => {
    const rows = all.map((score) => ({ video: "a", label: 0, score }));
    const [score] = videoScores(rows, { how }).scores;
    // Sums round by their order.
    assertAlmostEquals(videoScores(rows.toReversed(), { how }).scores[0], score, 1e-12);
    assertEquals(score >= Math.min(...all) && score <= Math.max(...all), true);
  }));
});

Deno.test("videoScores() names what is wrong with its rows", () => {
  const row = { video: "a", label: 1, score: 0.5 };
  const score = (rows: { video: string; label: number; score: number }[], how: string = "mean") => () =>
    videoScores(rows, { how: how as VideoLevel });
  assertThrows(
    score([row, { ...row, score: NaN }]),
    Error,
    "expected a finite score but found NaN at index 1",
  );
  assertThrows(
    score([{ ...row, label: 2 }]),
    Error,
    "expected label 0 (real) or 1 (fake) but found 2 at index 0",
  );
  assertThrows(score([row, { ...row, video: "" }]), InputError, "name of a video but found none at index 1");
  assertThrows(
    score([row], "least"),
    InputError,
    "expected one of mean, median, max as 'how' but found least",
  );
  assertThrows(score([]), Error, "expected at least one sample but found none");
});

Deno.test("valuesByVideo() gives each video what its rows share, and refuses two videos of one name", () => {
  const scored = videoScores(frames, { how: "mean" });
  assertEquals(valuesByVideo(scored, ["x", "", "x", "x", "", "y"], { name: "method" }), ["x", "", "y"]);
  assertThrows(
    () => valuesByVideo(scored, ["x", "", "x", "y", "", "y"], { name: "method" }),
    InputError,
    'Cannot tell the method of video b: expected "x" in all of its rows but found "y" at index 3',
  );
  assertThrows(() => valuesByVideo(scored, ["x"], { name: "method" }), InputError, "found 1 and 6 rows");
});

Deno.test("videoScores() does not depend on the order of a video's frames: the same scores tie", () => {
  const rows = (label: number, video: string, scores: readonly number[]) =>
    scores.map((score) => ({ label, video, score }));
  const frames = [...rows(0, "a", [0.1, 0.2, 0.3]), ...rows(1, "b", [0.3, 0.2, 0.1])];
  const { scores } = videoScores(frames, { how: "mean" });
  assertEquals(scores[0], scores[1]);
});
