import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { jpegChart } from "../../lib/report/charts/perturbation.ts";
import { metricsChart } from "../../lib/report/charts/metrics.ts";
import { confusionChart } from "../../lib/report/charts/confusion.ts";
import { scoreChart } from "../../lib/report/charts/scores.ts";
import { compareCalibration } from "../../lib/metrics/calibration.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { estimate, type EvaluationResult } from "../../lib/report/report.ts";
import { type Table, tableText } from "../../lib/report/table.ts";
import { calibrationTable } from "../../lib/report/tables/calibration.ts";
import { dataTable } from "../../lib/report/tables/data.ts";
import { falseAlarmTable } from "../../lib/report/tables/false_alarms.ts";
import { historyTable } from "../../lib/report/tables/history.ts";
import { intervalTable } from "../../lib/report/tables/intervals.ts";
import { decimals } from "../../lib/report/tables/column.ts";
import { resultsTable } from "../../lib/report/tables/results.ts";
import { thresholdTable } from "../../lib/report/tables/threshold.ts";
import { column, type MadeTest, makeReport } from "./made_report.ts";

Deno.test("tables hold the metrics, rounded", () => {
  const { report } = makeReport();
  const main = resultsTable(report.results);
  const further = thresholdTable(report.results);
  for (
    const [table, name, metric] of [
      [main, "AUC", "auc"],
      [main, "AP", "ap"],
      [main, "EER", "eer"],
      [main, "Bal. acc.", "balancedAccuracy"],
      [main, "Accuracy", "accuracy"],
      [main, "Majority", "majorityAccuracy"],
      [further, "Precision", "precision"],
      [further, "Recall", "recall"],
      [further, "F1", "f1"],
      [further, "MCC", "mcc"],
      [further, "Brier", "brier"],
      [further, "Log loss", "logLoss"],
    ] as const
  ) {
    assertEquals(column(table, name), report.results.map((result) => result.metrics[metric]!.toFixed(3)));
  }
  assertEquals(column(main, "Test"), [
    "first test",
    "first test, jpeg-90",
    "first test, jpeg-30",
    "second test",
  ]);
  assertEquals(column(main, "Fake"), ["50", "50", "50", "20"]);
});

Deno.test("a share of nothing is a dash in the tables, with a note, and scikit-learn's 0 in what is measured", () => {
  const test = { set: "faces", split: "test", perturbation: "none", kind: "cross", demo: false } as const;
  const cells = (labels: number[], scores: number[], again?: number[]) => {
    const measured = [scores, ...(again ? [again] : [])].map((each) => evaluateScores(labels, each));
    const [metrics] = measured;
    const table = thresholdTable([{ ...test, metrics, ...(again ? { runs: measured } : {}) }]);
    const names = ["Precision", "Recall", "F1", "MCC"];
    const values = [metrics.precision, metrics.recall, metrics.f1, metrics.mcc];
    return { cells: names.flatMap((name) => column(table, name)), values, notes: table.notes.join() };
  };
  const said = "–: undefined, a share of nothing; metrics.json has 0 there, as scikit-learn.";
  for (const scores of [[0.1, 0.2], [0.1, 0.9]]) { // reals alone: none called fake, then one
    const { notes, ...reals } = cells([0, 0], scores);
    assertEquals(reals, { cells: ["–", "–", "–", "–"], values: [0, 0, 0, 0] });
    assertStringIncludes(notes, said);
  }
  const missed = cells([0, 1], [0.1, 0.2]); // a fake that is not found is no share of nothing
  assertEquals(missed.cells, ["–", "0.000", "0.000", "–"]);
  const wrong = cells([0, 1], [0.9, 0.2]);
  assertEquals(wrong.cells, ["0.000", "0.000", "0.000", "−1.000"]);
  assert(!wrong.notes.includes("–"));
  const once = cells([0, 1], [0.1, 0.9], [0.1, 0.2]); // undefined in the second run
  assertEquals([once.cells[0], once.cells[1]], ["–", "0.500 ± 0.707"]);
});

const calibration = compareCalibration([0, 1], [0.2, 0.7]);

Deno.test("tables and charts show mean ± sd over several runs", () => {
  const { report } = makeReport({ runs: 3 });
  const [result] = report.results;
  const values = result.runs!.map((run) => run.auc!);
  const mean = (values[0] + values[1] + values[2]) / 3;
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2);
  assertGreater(sd, 0);
  assertAlmostEquals(estimate(result, "auc")!.sd!, sd, 1e-12);
  const table = resultsTable(report.results);
  assertEquals(column(table, "AUC")[0], `${mean.toFixed(3)} ± ${sd.toFixed(3)}`);
  assertStringIncludes(table.notes.join(), "over 3 runs");
  const chart = JSON.stringify(metricsChart(report.results, { demo: false }));
  assertStringIncludes(chart, `"high":${mean + sd}`);
  // Beside means, what is of the first run needs a word, and so do scores of all.
  assertStringIncludes(JSON.stringify(confusionChart(report.results, { demo: false })), "Of the first run");
  const { predictions } = makeReport({ runs: 3 });
  assertStringIncludes(JSON.stringify(scoreChart(predictions, { demo: false })), "All 3 runs together");
  // A deviation that reaches beyond 1 is cut there, and the axis with it.
  const runs = [0.5, 1].map((auc) => ({
    ...result.metrics,
    auc,
    ap: auc,
    balancedAccuracy: auc,
    accuracy: auc,
  }));
  const wide = [result, { ...result, perturbation: "jpeg-50" }].map((each) => ({ ...each, runs }));
  const { high } = /"domain":\[[^\]]+,(?<high>[\d.]+)\],"nice":true/.exec(
    JSON.stringify(jpegChart(wide, { demo: false })),
  )!.groups!;
  assertEquals(high, "1");
  // Beside a mean Brier score, that of the first run needs a word.
  const calibrated = report.results.map((each) => ({ ...each, calibration }));
  assertStringIncludes(calibrationTable(calibrated)!.notes.join(), "Of the first run");
});

Deno.test("decimals() has no minus before zero, and a true one before other numbers", () => {
  const cells = [-0.0004, 0.0004, -0.25, null].map((value) => decimals(value));
  assertEquals(cells, ["0.000", "0.000", "−0.250", "–"]);
});

Deno.test("an undefined metric is a dash, not a number", () => {
  const { report } = makeReport({
    sets: [{ set: "fakes", kind: "cross", perturbations: ["none"], real: 0, fake: 8 }],
  });
  assertEquals(column(resultsTable(report.results), "AUC"), ["–"]);
  assertEquals(column(resultsTable(report.results), "Bal. acc."), ["–"]);
});

Deno.test("a report that is older than a metric has no column, no interval and no point of it", () => {
  const { report: { results } } = makeReport();
  const older = results.map(({ metrics: { ap: _, ...metrics }, intervals, ...result }) => {
    const { ap: __, ...others } = intervals!;
    return { ...result, metrics, intervals: others } as EvaluationResult;
  });
  const heads = (table: Table | null) => table!.columns.map(({ name }) => name);
  const without = (names: string[]) => names.filter((name) => name !== "AP");
  assertEquals(heads(resultsTable(older)), without(heads(resultsTable(results))));
  assertEquals(heads(intervalTable(older)), without(heads(intervalTable(results))));
  const chart = JSON.stringify(metricsChart(older, { demo: false }));
  assert(chart.includes('"AUC"') && !chart.includes('"AP"'));
  // Beside a result that has it, there is a dash.
  assertEquals(column(resultsTable([results[0], older[1]]), "AP")[1], "–");
  assertEquals(column(intervalTable([results[0], older[1]])!, "AP")[1], "–");
});

Deno.test("dataTable() and historyTable() hold what they are given, and dashes for what was not measured", () => {
  const split = { set: "first", split: "train", real: 1234, fake: 5, videos: 12, skipped: 0 };
  assertEquals(
    tableText(dataTable({ data: [split], demo: true })),
    "DEMO: Data\n\n" +
      "Set    Split   Real  Fake  Videos  Skipped\n" +
      "─────  ─────  ─────  ────  ──────  ───────\n" +
      "first  train  1,234     5      12        0\n",
  );
  const epoch = { run: 0, epoch: 1, step: 10, loss: 0.7, seconds: 1.25, best: false };
  assertEquals(
    tableText(historyTable({
      history: [epoch, { ...epoch, epoch: 2, step: 20, loss: 0.35, valLoss: 0.5, valAuc: 0.75, best: true }],
      demo: false,
    })),
    "Training\n\n" +
      "Run  Epoch  Step    Loss  Val. loss  Val. AUC  Seconds         Best\n" +
      "───  ─────  ────  ──────  ─────────  ────────  ───────  ───────────\n" +
      "  1      1    10  0.7000          –         –      1.3\n" +
      "  1      2    20  0.3500     0.5000    0.7500      1.3  best so far\n" +
      "Losses in nats.\n",
  );
});

Deno.test("falseAlarmTable() marks a rate that allows no false alarm, and has intervals of a single run only", () => {
  const sets: MadeTest[] = [
    { set: "small", kind: "within", perturbations: ["none", "jpeg-90"], real: 99, fake: 40 },
    { set: "large", kind: "cross", perturbations: ["none"], real: 100, fake: 40 },
  ];
  const { report } = makeReport({ sets });
  const table = falseAlarmTable(report.results)!;
  const { metrics, intervals } = report.results[0];
  const { low, high } = intervals!.tprAt5!;
  assertEquals(
    column(table, "TPR at 5 %")[0],
    `${metrics.tprAt5!.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`,
  );
  assertEquals(column(table, "TPR at 1 %").map((text) => text.includes("*")), [true, true, false]);
  assertStringIncludes(table.notes.join(" "), "*: no false alarm allowed");
  assert(Math.max(...tableText(table).split("\n").slice(0, -3).map((line) => line.length)) <= 100);
  assert(!intervalTable(report.results)!.columns.some(({ name }) => name.startsWith("TPR")));
  assertEquals(falseAlarmTable(report.results.slice(2))!.notes.length, 1);

  const repeated = falseAlarmTable(makeReport({ sets, runs: 2 }).report.results)!;
  assertMatch(column(repeated, "TPR at 10 %")[0], /^0\.\d{3} ± 0\.\d{3}$/);
  const older = report.results.map(({ metrics, ...result }) => {
    const { tprAt1: _, tprAt5: __, tprAt10: ___, ...others } = metrics;
    return { ...result, metrics: others } as EvaluationResult;
  });
  assertEquals(falseAlarmTable(older), null);
});
