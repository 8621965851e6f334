import { assertEquals, assertStringIncludes } from "@std/assert";
import { apart, levelled, topLevel, topPredictions } from "../../lib/report/charts/levels.ts";
import { metricsChart } from "../../lib/report/charts/metrics.ts";
import { jpegChart } from "../../lib/report/charts/perturbation.ts";
import { measureTest } from "../../lib/report/measure.ts";
import type { Prediction } from "../../lib/report/report.ts";

const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
const rows = [["a", 0, 0.1], ["a", 0, 0.5], ["b", 0, 0.2], ["c", 1, 0.4], ["c", 1, 0.8]] as const;
const predictions = [0, 1].flatMap((run) =>
  rows.map(([video, label, score], i): Prediction => ({
    ...{ set: "faces", split: "test", perturbation: "none", video, method: "", label },
    ...{ score: run === 0 ? score : 1 - score, path: `${i}.png`, run },
  }))
);
const scored = [0, 1].map((run) =>
  Float64Array.from(predictions.filter((each) => each.run === run), ({ score }) => score)
);
const result = { ...test, ...measureTest(rows.map(([video, label]) => ({ video, label })), scored) };

Deno.test("topPredictions() gives each run's videos, with the mean of their frames, named after the level", () => {
  const videos = topPredictions(predictions, [result]);
  assertEquals(videos.map(({ split, video, run }) => `${split} ${video} ${run}`), [
    "test videos a 0",
    "test videos b 0",
    "test videos c 0",
    "test videos a 1",
    "test videos b 1",
    "test videos c 1",
  ]);
  assertEquals(videos.slice(0, 3).map(({ score }) => score), [0.3, 0.2, (0.4 + 0.8) / 2]);
  const images = predictions.map((each) => ({ ...each, set: "other" }));
  assertEquals(topPredictions(images, [result]), images, "a test without a video level stays as it is");
});

Deno.test("charts draw videos, and the metrics of frames beside them", () => {
  assertEquals(topLevel([result]).map(({ split, metrics }) => [split, metrics.n]), [["test videos", 3]]);
  assertEquals(levelled([result]).map(({ split, metrics }) => [split, metrics.n]), [
    ["test videos", 3],
    ["test frames", 5],
  ]);
  const { description } = metricsChart([result], { demo: false });
  assertEquals(/faces test videos: .*faces test frames: /.test(description!), true);
});

Deno.test("jpegChart() draws the videos of tests that have a video level", () => {
  const { description } = jpegChart([result, { ...result, perturbation: "jpeg-50" }], { demo: false });
  assertStringIncludes(description!, "faces test videos, jpeg-50: AUC");
});

Deno.test("apart() names tests apart whose sets and splits read alike", () => {
  const results = [["A", "test"], ["A test", ""], ["B", "test"]].map(([set, split]) => ({
    ...result,
    set,
    split,
  }));
  const rename = apart(results);
  assertEquals(results.map(rename).map(({ set, split }) => [set, split]), [
    ["A", "test"],
    ["A test", "(2)"],
    ["B", "test"],
  ]);
  assertEquals(rename({ set: "A test", split: "" }).split, "(2)");
});
