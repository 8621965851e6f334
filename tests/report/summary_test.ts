import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { measureFairness } from "../../lib/metrics/fairness.ts";
import { reportTables } from "../../lib/report/page.ts";
import type { EvaluationResult } from "../../lib/report/report.ts";
import { summarySentences } from "../../lib/report/summary.ts";
import { makeReport } from "./made_report.ts";

/** Metrics of four reals and four fakes with so high an AUC, of which `alarms` reals are called fake. */
function metricsOf(auc: number, alarms = 0) {
  const labels = [0, 0, 0, 0, 1, 1, 1, 1];
  const metrics = evaluateScores(labels, labels.map((label) => label || 0.1));
  return { ...metrics, auc, confusion: [[4 - alarms, alarms], [0, 4]] as typeof metrics.confusion };
}

function resultOf(set: string, auc: number, changes: Partial<EvaluationResult> = {}): EvaluationResult {
  return {
    ...{ set, split: "test", perturbation: "none", kind: "within", demo: false, metrics: metricsOf(auc) },
    ...changes,
  };
}
const say = (results: EvaluationResult[], demo = false) => summarySentences({ results, data: [], demo });

Deno.test("summarySentences() says what was trained on, the fall across sets and under perturbation, the worst method and origin", () => {
  const video = (auc: number) => ({ how: "mean" as const, metrics: metricsOf(auc) });
  const results = [
    resultOf("first", 0.9, {
      video: {
        ...video(0.95),
        intervals: {
          ...{ auc: { low: 0.91, high: 0.98 }, samples: 1000, units: 8, groups: { real: 4, fake: 4 } },
        } as unknown as EvaluationResult["intervals"],
      },
      methods: [{ name: "swap", metrics: metricsOf(0.8) }, { name: "blend", metrics: metricsOf(0.99) }],
      origins: [{ name: "youtube", metrics: metricsOf(0.9, 1) }, { name: "actors", metrics: metricsOf(0.8) }],
    }),
    resultOf("first", 0.7, { kind: "perturbed", perturbation: "jpeg-30", video: video(0.75) }),
    resultOf("first", 0.8, { kind: "perturbed", perturbation: "jpeg-90", video: video(0.85) }),
    resultOf("second", 0.6, { kind: "cross", video: video(0.7) }),
    resultOf("third", 0.5, {
      kind: "cross",
      video: video(0.6),
      methods: [{ name: "swap", metrics: metricsOf(0.55) }, { name: "blend", metrics: metricsOf(0.65) }],
    }),
  ];
  const data = [{ set: "first", split: "train", real: 1200, fake: 34, videos: 40, skipped: 0 }];
  const backend = { name: "wasm", device: "CPU", version: "4.22.0" };
  assertEquals(summarySentences({ results, data, demo: false, backend }), [
    "On first test the video-level AUC is 0.950 (95 % interval 0.910 to 0.980), of 4 real and 4 fake videos, after training on 1,200 real and 34 fake images of first.",
    "Across sets the video-level AUC falls from 0.950 within to 0.650 in the mean of 2 tests, lowest on third test: 0.600; of 2 perturbed tests the lowest is JPEG quality 30 on first test, with video-level AUC 0.750 against 0.950 without it.",
    "Of 2 methods in 2 of 3 tests the lowest AUC is that of swap on third test: 0.550; of 2 origins of reals and 2 tests of one youtube on first test has the most false alarms: 25.0 % of 4 real videos called fake from a score of 0.5.",
  ]);
});

Deno.test("summarySentences() hides no test of one origin behind those of several, and knows no training of another program", () => {
  const origins = [{ name: "a", metrics: metricsOf(0.9) }, { name: "b", metrics: metricsOf(0.9, 1) }];
  const results = [
    resultOf("first", 0.9, { origins }),
    resultOf("second", 0.9, { metrics: metricsOf(0.9, 4) }),
  ];
  const data = [{ set: "first", split: "train", real: 4, fake: 4, videos: 8, skipped: 0 }];
  const [within, groups] = summarySentences({ results, data, demo: false });
  assert(!within.includes("training"), within);
  assertEquals(
    groups,
    "Of 2 origins of reals and 1 test of one second test has the most false alarms: 100.0 % of 4 real images called fake from a score of 0.5.",
  );
});

Deno.test("summarySentences() says nothing of what was not measured", () => {
  assertEquals(say([]), []);
  assertEquals(say([resultOf("first", 0.9)]), [
    "On first test the AUC by image is 0.900, of 4 real and 4 fake images.",
    "No real images are called fake from a score of 0.5.",
  ]);
  const metrics = evaluateScores([1, 1, 1], [0.2, 0.6, 0.7]);
  assertEquals(say([resultOf("fakes", 0, { metrics })]), [
    "On fakes test there are 0 real and 3 fake images, and with one class no AUC: 2 of them are called fake from a score of 0.5.",
  ]);
});

Deno.test("summarySentences() compares sets at a level that all of them have, and speaks of no fall where there is none", () => {
  const video = { how: "mean" as const, metrics: metricsOf(0.95) };
  const cross = resultOf("second", 0.92, { kind: "cross" });
  assertEquals(
    say([resultOf("first", 0.9, { video }), cross])[1],
    "Across sets, on second test, the AUC by image is 0.920, against 0.900 within.",
  );
});

Deno.test("summarySentences() gives mean and standard deviation over runs, those of groups too, and says DEMO first", () => {
  const runs = [0.9, 0.8].map((auc) => metricsOf(auc));
  const groups = (name: string) => [
    { name, metrics: metricsOf(0.6), runs: [metricsOf(0.6), metricsOf(0.5)] },
    { name: "other", metrics: metricsOf(0.9), runs },
  ];
  const result = resultOf("first", 0.9, { runs, methods: groups("swap") });
  const [first, groupsOfRuns] = say([result], true);
  assertEquals(
    first,
    "DEMO: On first test the AUC by image is 0.850 ± 0.071 (mean and standard deviation over 2 runs), of 4 real and 4 fake images.",
  );
  assertEquals(
    groupsOfRuns,
    "Of 2 methods the lowest AUC is that of swap on first test: 0.550; no real images are called fake from a score of 0.5.",
  );
  const { methods } = result;
  const ofFirst = { ...result, methods: methods!.map(({ name, metrics }) => ({ name, metrics })) };
  assertEquals(
    say([ofFirst])[1],
    "Of 2 methods the lowest AUC is that of swap (first run) on first test: 0.600; no real images are called fake from a score of 0.5.",
  );
});

Deno.test("summarySentences() has the numbers of the report's tables to the last digit", () => {
  const { report } = makeReport({ runs: 2 });
  const cells = reportTables(report).flatMap(({ rows }) => rows.flat().join(" ")).join(" ");
  const numbers = summarySentences(report).join(" ").match(/[0-9]\.[0-9]{3}/g)!;
  assert(numbers.length > 3);
  for (const number of numbers) assertStringIncludes(cells, number);
});

Deno.test("summarySentences() names the two groups whose false positive rates are furthest apart", () => {
  const labels = [0, 0, 0, 0, 1, 1];
  const scores = [0.1, 0.9, 0.1, 0.1, 0.9, 0.9];
  const fairness = measureFairness({ labels, scores, groups: ["A", "A", "B", "B", "A", "B"] });
  assertEquals(
    say([resultOf("first", 0.9, { groups: [{ column: "race", ...fairness }] })])[1],
    "No real images are called fake from a score of 0.5; by race the false positive rates are furthest apart: 0.500 between A and B.",
  );
});
