import { assert, assertEquals, assertLess } from "@std/assert";
import { join } from "node:path";
import { knnScores } from "../../lib/model/detectors/knn.ts";
import { distances, fitFamiliarity } from "../../lib/model/familiarity.ts";
import { fitLogistic } from "../../lib/model/detectors/logistic.ts";
import { worstDifference } from "../tensors.ts";
import { pythonWith } from "./python.ts";

const python = pythonWith("sklearn");

/** FORGELENS_SEED draws other sizes. */
const seed = Deno.env.get("FORGELENS_SEED") ?? "0";

type Case = Readonly<Record<"n" | "D" | "C" | "k" | "intercept", number>> & {
  readonly features: number[][];
  readonly test: number[][];
  readonly labels: number[];
  readonly weights: number[];
  readonly coef: number[];
  readonly scores: number[];
  readonly knn: number[];
  readonly shrinkage: number;
  readonly distances: number[];
};

Deno.test({
  name: `probes of sizes drawn from a seed match scikit-learn${
    python ? "" : " (skipped: no Python with scikit-learn; set FORGELENS_PYTHON)"
  }`,
  ignore: python === undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { success, stderr } = await new Deno.Command(python!, {
        args: [join(import.meta.dirname!, "probes.py"), folder, seed],
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const cases: Case[] = JSON.parse(await Deno.readTextFile(join(folder, "cases.json")));
      for (const each of cases) compare(each);
      for (const each of cases) compareFamiliarity(each);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

function compare({ n, D, C, k, features, labels, weights, test, ...expected }: Case): void {
  const what = `${n} × ${D}, C = ${C}, k = ${k}`;
  const { coef, intercept } = fitLogistic(features, labels, { C, weights });
  // Both stop at about 1e-8 of the coefficients' norm.
  assertLess(worstDifference(coef, expected.coef), 1e-5, `coef of ${what}`);
  assertLess(Math.abs(intercept - expected.intercept), 1e-5 * Math.max(1, Math.abs(intercept)), what);
  const scores = test.map((row) =>
    1 / (1 + Math.exp(-row.reduce((sum, value, j) => sum + value * coef[j], intercept)))
  );
  assertLess(worstDifference(scores, expected.scores), 1e-5, `scores of ${what}`);
  if (D > 1) assertEquals([...knnScores({ features, labels }, test, { k })], expected.knn, what); // in one dimension all are tied
}

function compareFamiliarity({ n, D, features, test, ...expected }: Case): void {
  const matrix = (rows: readonly number[][]) => (
    { data: Float64Array.from(rows.flat()), shape: [rows.length, D] as const }
  );
  const familiarity = fitFamiliarity(matrix(features));
  const what = `familiarity of ${n} × ${D}`;
  // It is kept in single precision, and at the end of a triangle of hundreds of rows that is 1e-4.
  assertLess(worstDifference(distances(familiarity, matrix(test)), expected.distances), 5e-4, what);
  // With one dimension the sphere is the covariance, and any share of it is the same.
  if (D > 1) assertLess(Math.abs(familiarity.shrinkage - expected.shrinkage), 1e-7, what);
}
