import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { TopLevelSpec } from "vega-lite";
import { jpegChart } from "../../lib/report/charts/perturbation.ts";
import { metricsChart } from "../../lib/report/charts/metrics.ts";
import { referenceFigures, referenceFor } from "../../lib/report/reference.ts";
import { referenceTable } from "../../lib/report/tables/reference.ts";
import { column, resultWithCounts } from "./made_report.ts";

Deno.test("the reference's figures and class counts agree with each other", () => {
  for (const { real, fake, accuracy, precision, recall, f1 } of referenceFigures) {
    const tp = Math.round(recall * fake);
    const fp = Math.round(tp / precision - tp);
    // float64 division printed in full by Python: only its last digit may differ.
    assertAlmostEquals(tp / fake, recall, 1e-15);
    assertAlmostEquals(tp / (tp + fp), precision, 1e-15);
    assertAlmostEquals((tp + real - fp) / (real + fake), accuracy, 1e-15);
    assertAlmostEquals(2 * tp / (2 * tp + fp + fake - tp), f1, 1e-15);
    assert(accuracy < fake / (real + fake), "the reference never beats 'always fake'");
  }
});

Deno.test("the reference's figures stand beside ours only on its class counts, never on demo data", () => {
  const { real, fake } = referenceFigures[0];
  const same = resultWithCounts(real, fake, "none", false);
  assertEquals(referenceFor(same), referenceFigures[0]);
  const table = referenceTable([same])!;
  assertEquals(column(table, "Whose"), ["ours", "reference"]);
  assertEquals(column(table, "AUC"), [same.metrics.auc!.toFixed(3), "0.586"]);
  const isReference = (spec: TopLevelSpec) => JSON.stringify(spec).includes(String(referenceFigures[0].auc));
  assert(isReference(metricsChart([same], { demo: false })));
  assertEquals(referenceFor(resultWithCounts(real, fake, "jpeg-50", false))?.auc, 0.5972607548697658);

  for (
    const other of [
      resultWithCounts(real, fake, "none", true),
      { ...same, kind: "unknown" as const }, // another program's scores
      resultWithCounts(real, fake - 1, "none", false),
      resultWithCounts(real + 1, fake, "none", false),
      resultWithCounts(real, fake, "jpeg-40", false),
    ]
  ) {
    assertEquals(referenceFor(other), null);
    assertEquals(referenceTable([other]), null);
    const draw = other.perturbation === "none" ? metricsChart : jpegChart;
    assert(!isReference(draw([other], { demo: other.demo })));
  }
});
