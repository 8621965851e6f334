import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { TopLevelSpec } from "vega-lite";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { chartText, renderChart } from "../../lib/report/render.ts";
import type { EvaluationResult } from "../../lib/report/report.ts";
import {
  accuracyChart,
  costChart,
  messyChart,
  orderChart,
  repeatChart,
} from "../../lib/notebook/audit_charts.ts";
import { pointingChart } from "../../lib/notebook/gallery.ts";

const labels = [0, 0, 0, 1, 1, 1];
function result(set: string, changes: Partial<EvaluationResult> = {}): EvaluationResult {
  const metrics = evaluateScores(labels, [0.1, 0.6, 0.3, 0.4, 0.8, 0.9]);
  return { set, split: "test", perturbation: "none", kind: "within", demo: true, metrics, ...changes };
}
const list = { samples: [{ path: "a", label: 0 as const, set: "messy" }], skipped: [], warnings: [] };

/** Every chart of the audit, as it is drawn for one kind of data. */
function charts(demo: boolean, width?: number): TopLevelSpec[] {
  const runs = [evaluateScores(labels, [0.1, 0.2, 0.3, 0.4, 0.8, 0.9]), result("x").metrics];
  const ways = [
    { name: "corrected", results: [result("first", { runs }), result("second")] },
    { name: "another way", results: [result("first"), result("second")] },
  ];
  const scores = [{ label: 0 as const, sorted: 0.2, shuffled: 0.4 }, {
    label: 1 as const,
    sorted: 0.6,
    shuffled: 0.5,
  }];
  return [
    costChart("What it costs", { ways, demo, width }),
    orderChart(scores, { demo, sortedAuc: 1, shuffledAuc: 0.75, width }),
    accuracyChart([result("first")], { demo, width }),
    repeatChart({ repeats: [0.8, 0.8, 0.8], seeds: [0.8, 0.75, 0.82] }, { demo, width }),
    messyChart({ list, before: 4, files: 43 }, { demo, width }),
    pointingChart(new Map([["all fakes", { images: 4, hits: 3, chance: 0.2 }]]), {
      demo,
      set: "first",
      width,
    }),
  ];
}

for (const width of [380, 620]) {
  Deno.test(`the audit's charts compile without a warning at a width of ${width}`, async () => {
    for (const demo of [true, false]) {
      for (const spec of charts(demo, width)) {
        const { png } = await renderChart(spec);
        assert(png.length > 2000, chartText(spec));
      }
    }
  });
}

Deno.test("the audit's charts say that demo data says nothing about CLIP, and only then", () => {
  const caveated = (demo: boolean) =>
    charts(demo).slice(0, 5).map((spec) => /says nothing about CLIP/i.test(JSON.stringify(spec.title)));
  assertEquals(caveated(true), [true, true, true, true, true]);
  assertEquals(caveated(false), [false, false, false, false, false]);
});

Deno.test("costChart() compares the first training seed of each way, not one's mean with another's seed", () => {
  const runs = [result("x").metrics, evaluateScores(labels, [0.9, 0.8, 0.7, 0.1, 0.2, 0.3])];
  const ways = [{ name: "three seeds", results: [result("first", { runs })] }, {
    name: "one seed",
    results: [result("first")],
  }];
  // Eight of the nine pairs of a real and a fake are in order.
  const text = "three seeds, first test: AUC 0.889. one seed, first test: AUC 0.889.";
  assertStringIncludes(chartText(costChart("Cost", { ways, demo: false })), text);
});

Deno.test("accuracyChart() shows the original's accuracies below always answering fake", () => {
  const text = chartText(accuracyChart([], { demo: false }));
  // 11,152 of 13,551, 21,679 of 24,094 and 73,154 of 93,853.
  for (const line of ["0.7929, always the larger class 0.8230", "0.8960, always the larger class 0.8998"]) {
    assertStringIncludes(text, line);
  }
  assertStringIncludes(text, "0.7776, always the larger class 0.7795");
});
