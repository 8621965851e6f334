/**
 * A report that has all that a report can have.
 *
 * @module
 */
import { assert } from "@std/assert";
import { measureTest } from "../../lib/report/measure.ts";
import { measureGroups } from "../../lib/report/measure_groups.ts";
import type { RunReport } from "../../lib/report/report.ts";
import { makeReport } from "./made_report.ts";

/** A report of a test that has a video level, methods, origins and chosen thresholds, with two seeds. */
export function fullReport(): RunReport {
  const { report } = makeReport({ runs: 2 });
  const images = Array.from({ length: 160 }, (_, i) => ({
    label: i % 2 as 0 | 1,
    video: `${i >> 2}`,
    method: i % 2 ? ["blend", "swap"][(i >> 2) % 2] : ["studio", "street"][(i >> 2) % 2],
  }));
  const scored = [0, 1].map((run) =>
    Float64Array.from(images, ({ label }, i) => 0.7 * ((i * 37 + run * 11) % 100) / 100 + 0.3 * label)
  );
  const chosen = [{
    by: "eer",
    threshold: 0.4,
    accuracy: 0.9,
    balancedAccuracy: 0.8,
    falsePositiveRate: 0.1,
    truePositiveRate: null,
  }];
  const columns = new Map([["age", images.map((_, i) => ["old", "young"][(i >> 3) % 2])]]);
  const groups = measureGroups(images, scored[0], { columns });
  const result = { ...report.results[0], ...measureTest(images, scored, { prior: 0.5 }), chosen, groups };
  assert(result.video && result.methods && result.origins && result.calibration);
  return { ...report, results: [{ ...result, video: { ...result.video, chosen } }] };
}
