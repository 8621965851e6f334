import { assertEquals, assertStringIncludes } from "@std/assert";
import { measureFairness } from "../../lib/metrics/fairness.ts";
import { fairnessCharts } from "../../lib/report/charts/fairness.ts";
import { measureGroups } from "../../lib/report/measure_groups.ts";
import type { EvaluationResult } from "../../lib/report/report.ts";
import { fairnessTable, gapTable } from "../../lib/report/tables/fairness.ts";
import { column, makeReport } from "./made_report.ts";

const { report: { results: [first] } } = makeReport();
const labels = Array.from({ length: 60 }, (_, i) => i % 2);
const scores = labels.map((label, i) => (3 * label + (i * 7) % 11) / 20);
const names = labels.map((_, i) => i < 45 ? "many" : i < 57 ? "few" : "");
const columns = [{ column: "age", ...measureFairness({ labels, scores, groups: names }) }];
const result: EvaluationResult = { ...first, groups: columns };

Deno.test("tables by group show intervals, a dash where there are too few, and what is left out", () => {
  const table = fairnessTable([result])!;
  const shown = Object.fromEntries(
    column(table, "Group").map((name, i) => [name, column(table, "AUC, 95 %")[i]]),
  );
  const { auc } = columns[0].groups.find(({ name }) => name === "many")!.intervals;
  assertEquals(shown, { many: `${auc!.low.toFixed(3)} to ${auc!.high.toFixed(3)}`, few: "–" });
  assertStringIncludes(
    table.notes.join("\n"),
    "Left out, as their group is not said: 3 by age (first test).",
  );
  const gaps = gapTable([result])!;
  assertEquals(column(gaps, "Rate"), ["AUC", "FPR", "TPR"]);
  assertEquals(column(gaps, "Gap, 95 %"), ["–", "–", "–"]);
  assertStringIncludes(gaps.notes[0], "The interval is of that pair alone");
  assertEquals([fairnessTable([first]), gapTable([first]), fairnessCharts([first], { demo: false })], [
    null,
    null,
    [],
  ]);
});

Deno.test("measureGroups() compares videos, and draws those of shared persons together", () => {
  const images = labels.map((label, i) => ({
    label: label as 0 | 1,
    video: `${i >> 2}`,
    method: "",
    persons: i < 20 ? "anna" : undefined,
  }));
  const groups = new Map([["side", images.map(({ video }) => (Number(video) % 3 ? "left" : "right"))]]);
  const [{ column, units, groups: [a, b] }] = measureGroups(images, Float64Array.from(scores), {
    columns: groups,
  });
  assertEquals([column, a.real + b.real, a.fake + b.fake], ["side", 15, 15]);
  assertEquals(units, 21); // five videos of either class are one unit, the other twenty are one each
});
