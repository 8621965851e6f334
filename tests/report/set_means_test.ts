import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { DataSummary, EvaluationResult } from "../../lib/report/report.ts";
import { setMeansTable } from "../../lib/report/tables/set_means.ts";
import { column, makeReport } from "./made_report.ts";

const sets = ["ufd/progan", "ufd/dalle", "faces"].map((set, i) => ({
  ...{ set, kind: "cross" as const, perturbations: ["none", "jpeg-30"] },
  ...{ real: 10 + 10 * i, fake: 40 - 10 * i },
}));

/** The report's data, with the layout that the first two sets were read in. */
function dataOf(layout: string): DataSummary[] {
  return sets.map(({ set, real, fake }) => ({
    ...{ set, split: "test", real, fake, videos: real + fake, skipped: 0 },
    ...(set === "faces" ? {} : { layout }),
  }));
}

const mean = (results: readonly EvaluationResult[], metric: "accuracy" | "ap") =>
  results.reduce((sum, { metrics }) => sum + metrics[metric]!, 0) / results.length;

Deno.test("setMeansTable() means the unperturbed sets of one, each alike, beside what is published of the 19", () => {
  const { report: { results } } = makeReport({ sets });
  const two = results.filter(({ set, perturbation }) => set.startsWith("ufd/") && perturbation === "none");
  const table = setMeansTable(results, dataOf("universal-fake-detect"))!;
  assertEquals(column(table, "Model").slice(0, 3), ["ufd, ours", "UnivFD", "FatFormer"]);
  assertEquals(column(table, "Sets").slice(0, 2), ["2", "19"]);
  for (const [name, metric] of [["Accuracy", "accuracy"], ["AP", "ap"]] as const) {
    assertEquals(column(table, name)[0], mean(two, metric).toFixed(3));
  }
  const forgeLens = column(table, "Model").indexOf("ForgeLens");
  const cells = ["Accuracy", "AP", "Trained on"].map((name) => column(table, name)[forgeLens]);
  assertEquals(cells, ["0.950", "0.988", "ProGAN images"]);
  assertStringIncludes(column(table, "Source")[forgeLens], "second-hand");
  assertStringIncludes(table.notes.join(" "), "trained on ProGAN images, not on faces");
});

Deno.test("setMeansTable() gives mean ± sd of the runs' means, and no published figures where there are none", () => {
  const { report: { results } } = makeReport({ sets, runs: 2 });
  const table = setMeansTable(results, dataOf("genimage"))!;
  assertEquals(column(table, "Model"), ["ufd, ours"]);
  const two = results.filter(({ set, perturbation }) => set.startsWith("ufd/") && perturbation === "none");
  const [a, b] = [0, 1].map((run) => two.reduce((sum, { runs }) => sum + runs![run].ap!, 0) / 2);
  const [value, sd] = column(table, "AP")[0].split(" ± ").map(Number);
  assertAlmostEquals(value, (a + b) / 2, 5e-4); // its three decimals
  assertAlmostEquals(sd, Math.abs(a - b) / Math.SQRT2, 5e-4);
});

Deno.test("setMeansTable() is null without several sets of one layout", () => {
  const { report: { results } } = makeReport({ sets });
  assertEquals(setMeansTable(results, dataOf("folders")), null);
  assertEquals(setMeansTable(results.slice(0, 2), dataOf("genimage")), null);
});
