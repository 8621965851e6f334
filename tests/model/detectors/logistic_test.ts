import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { InputError } from "../../../lib/base/errors.ts";
import { createRandom } from "../../../lib/base/random.ts";
import { fitLogistic, type LogisticFit } from "../../../lib/model/detectors/logistic.ts";
import probes from "../../fixtures/probes.json" with { type: "json" };

const probability = ({ coef, intercept }: LogisticFit, row: ArrayLike<number>) =>
  1 / (1 + Math.exp(-coef.reduce((sum, value, j) => sum + value * row[j], intercept)));

for (const [C, expected] of Object.entries(probes.logistic)) {
  Deno.test(`fitLogistic() matches scikit-learn at C = ${C}`, () => {
    const fit = fitLogistic(probes.features, probes.labels, { C: Number(C) });
    // scikit-learn's own search ends some 1e-7 away.
    expected.coef.forEach((value, j) => assertAlmostEquals(fit.coef[j], value, 1e-6));
    assertAlmostEquals(fit.intercept, expected.intercept, 1e-6);
    probes.test.forEach((row, i) => assertAlmostEquals(probability(fit, row), expected.scores[i], 1e-6));
  });
}

/** Features with an offset and a strong first column, and labels that a plane does not quite separate. */
function drawn(n: number, D: number) {
  const random = createRandom(0, `${n} ${D}`);
  const data = Float32Array.from({ length: n * D }, (_, i) => 1 + (i % D === 0 ? 10 : 1) * random.normal());
  const labels = Uint8Array.from({ length: n }, (_, i) => Number(data[i * D] + random.normal() > 1));
  return { features: { data, shape: [n, D] as const }, labels };
}

/** The largest part of the objective's gradient, worked out from its definition. */
function gradientAt(
  { features: { data, shape: [n, D] }, labels }: ReturnType<typeof drawn>,
  fit: LogisticFit,
  { C, weights }: { readonly C: number; readonly weights?: readonly number[] },
): number {
  const gradient = [...fit.coef, 0];
  for (let i = 0; i < n; i++) {
    const row = data.subarray(i * D, (i + 1) * D);
    const slope = C * (weights?.[i] ?? 1) * (probability(fit, row) - labels[i]);
    row.forEach((value, j) => gradient[j] += slope * value);
    gradient[D] += slope;
  }
  return Math.max(...gradient.map(Math.abs));
}

// Fewer samples than features, more, and more features than a whole Hessian is factorised for.
for (const [n, D] of [[30, 50], [600, 20], [40, 2100], [300, 2050]]) {
  Deno.test(`fitLogistic() ends where the gradient of ${n} samples of ${D} features is zero`, () => {
    const problem = drawn(n, D);
    for (const C of [0.01, 10]) {
      const fit = fitLogistic(problem.features, problem.labels, { C });
      // Beside sums of n parts of some C · 10 each.
      assertLess(gradientAt(problem, fit, { C }), 1e-6 * Math.max(1, C));
    }
  });
}

Deno.test("fitLogistic() counts a sample with weight 2 as two, and without weight as none", () => {
  const { features: { data }, labels } = drawn(40, 3);
  const rows = Array.from(labels, (_, i) => [...data.subarray(3 * i, 3 * i + 3)]);
  const weights = rows.map((_, i) => i % 3);
  const repeated = rows.flatMap((row, i) => Array(weights[i]).fill(row));
  const repeatedLabels = [...labels].flatMap((label, i) => Array(weights[i]).fill(label));
  const a = fitLogistic(rows, labels, { C: 2, weights });
  const b = fitLogistic(repeated, repeatedLabels, { C: 2 });
  a.coef.forEach((value, j) => assertAlmostEquals(value, b.coef[j], 1e-8));
  assertAlmostEquals(a.intercept, b.intercept, 1e-8);
});

Deno.test("fitLogistic() gives the same bits for the same numbers, whichever way they come", () => {
  const { features: { data, shape }, labels } = drawn(50, 4);
  const fit = fitLogistic({ data, shape }, labels, { C: 1 });
  const rows = Array.from(labels, (_, i) => data.subarray(4 * i, 4 * i + 4));
  assertEquals(fitLogistic(rows, [...labels], { C: 1 }), fit);
});

Deno.test("fitLogistic() fits separable classes, whose coefficients the penalty holds, by hand", () => {
  // By symmetry the intercept is 0; where w minimises w²/2 + 2C·log(1 + e^−w), w = 2C/(1 + e^w).
  for (const C of [1, 1e6]) {
    const { coef: [w], intercept } = fitLogistic([[-1], [1]], [0, 1], { C });
    assertAlmostEquals(w, 2 * C / (1 + Math.exp(w)), 1e-6);
    assertAlmostEquals(intercept, 0, 1e-8);
  }
});

Deno.test("fitLogistic() gives constant features no weight, and the log odds of the classes", () => {
  const { coef, intercept } = fitLogistic([[0, 0], [0, 0], [0, 0], [0, 0]], [0, 1, 1, 1], { C: 1 });
  assertEquals([...coef].map(Math.abs), [0, 0]);
  assertAlmostEquals(intercept, Math.log(3), 1e-8);
});

Deno.test("fitLogistic() refuses what has no answer", () => {
  const rows = [[1, 2], [3, 4]];
  const refused = (text: string, ...args: Parameters<typeof fitLogistic>) =>
    assertThrows(() => fitLogistic(...args), InputError, text);
  refused("expected both real and fake samples but found only fake ones", rows, [1, 1], { C: 1 });
  refused("found only real ones", rows, [0, 1], { C: 1, weights: [1, 0] });
  refused("expected 2 labels but found 3", rows, [0, 1, 1], { C: 1 });
  refused("expected labels 0 and 1 but found 2 in row 1", rows, [0, 2], { C: 1 });
  refused("expected 2 weights but found 1", rows, [0, 1], { C: 1, weights: [1] });
  refused("expected weights of at least 0 but found -1 in row 1", rows, [0, 1], { C: 1, weights: [1, -1] });
  refused("expected a C above 0 but found 0", rows, [0, 1], { C: 0 });
  refused("found NaN in row 1, column 0", [[1, 2], [NaN, 4]], [0, 1], { C: 1 });
  refused("expected 2 features in each row but found 1 in row 1", [[1, 2], [3]], [0, 1], { C: 1 });
  refused(
    "expected 2 × 3 features but found 4 numbers",
    { data: new Float32Array(4), shape: [2, 3] },
    [0, 1],
    {
      C: 1,
    },
  );
  refused("expected features but found 0 × 0", [], [], { C: 1 });
});
