/**
 * What a benchmark notebook shows: tables and charts of several detectors, of a comparison, of a robustness run, of any scores.
 *
 * @module
 */
import { hasOwnTower, isFitted } from "../model/detectors/mod.ts";
import { comparisonChart, differenceChart } from "../report/charts/comparison.ts";
import { charts, chartSource } from "../report/charts/mod.ts";
import { robustnessCharts } from "../report/charts/robustness.ts";
import type { Comparison } from "../report/comparison.ts";
import { comparisonSentences, comparisonTables } from "../report/comparison_page.ts";
import { byLevel, demoTitle, type LevelledResult, meanAndSd, testName } from "../report/report.ts";
import { robustnessSentences } from "../report/robustness/page.ts";
import type { RobustnessReport } from "../report/robustness/robustness.ts";
import { escapeMarkdown, type Table } from "../report/table.ts";
import { type Column, estimateCell, isOfDemo, levelColumns, tableOf } from "../report/tables/column.ts";
import { metricColumns, metricNotes } from "../report/tables/metric_columns.ts";
import { resultsTable } from "../report/tables/results.ts";
import { robustnessTable } from "../report/tables/robustness.ts";
import { abreast, halfWidth as width } from "./abreast.ts";
import type { BenchmarkRun, Scored } from "./benchmark.ts";
import type { Showable } from "./display.ts";

/** What was trained: each detector with its seeds, the epochs that validation kept, and how long it took. */
export function trainingTable(runs: readonly BenchmarkRun[]): Table {
  const rows = runs.map(({ name, report }) => {
    const { head, history, config } = report;
    const seeds = [...new Set(history.map(({ run }) => run))];
    const kept = seeds.map((seed) => history.findLast(({ run, best }) => run === seed && best)!);
    const seconds = history.reduce((sum, epoch) => sum + epoch.seconds, 0);
    const first = Number(config.seed);
    return [
      name,
      head,
      hasOwnTower(head) ? "its own tower" : isFitted(head) ? `${config.tap}` : "tokens",
      seeds.map((seed) => first + seed).join(", ") || "–", // of what is fitted at once
      kept.map(({ epoch }) => epoch).join(", ") || "–",
      estimateCell(meanAndSd(kept.map(({ valAuc }) => valAuc ?? null))),
      seconds.toFixed(1),
    ];
  });
  const names = ["Name", "Detector", "Stands on", "Seeds", "Kept epochs", "Validation AUC", "Seconds"];
  return {
    title: demoTitle("Detectors", runs.some(({ report }) => report.demo)),
    columns: names.map((name, i) => ({ name, align: i < 3 ? "left" : "right" })),
    rows,
    notes: [
      "Validation AUC: of frames, in the kept epochs, which it chose. Seconds: of training steps alone.",
    ],
  };
}

type Row = { readonly name: string; readonly result: LevelledResult };

/** The tests of all detectors in one table, those of a test and level below each other; the numbers are those of metrics.json. */
export function benchmarkTable(runs: readonly BenchmarkRun[]): Table {
  const all = runs.flatMap(({ name, report }) =>
    byLevel(report.results).map((result): Row => ({ name, result }))
  );
  const tests = Map.groupBy(all, ({ result }) => `${testName(result)}, ${result.level}`);
  const rows = [...tests.values()].flat();
  const results = rows.map(({ result }) => result);
  const ofResult = ({ value, ...column }: Column<LevelledResult>): Column<Row> => ({
    ...column,
    value: ({ result }) => value(result),
  });
  return tableOf({
    title: "Results by detector",
    demo: isOfDemo(results),
    columns: [
      ...levelColumns(results).filter(({ name }) => name !== "Kind").map(ofResult),
      { name: "Detector", align: "left", value: ({ name }) => name },
      ...metricColumns(results, "results").map(ofResult),
    ],
    rows,
    notes: metricNotes(results, { table: "results", note: "" }).map((note) => note.trim()),
  });
}

/** A comparison as sentences, tables and charts; where no published figure stands beside it, why. */
export function comparisonView(comparison: Comparison): (Showable | null)[] {
  return [
    escapeMarkdown(comparisonSentences(comparison).join(" ")),
    ...comparisonTables(comparison),
    ...unpublished(comparison),
    ...abreast(...comparison.tests.map((test) => comparisonChart(test, { demo: test.demo, width }))),
    differenceChart(comparison.tests, comparison), // alone, as the names of pairs are long
  ];
}

function unpublished({ demo, tests }: Comparison): string[] {
  if (tests.some(({ published }) => published.length > 0)) return [];
  return [
    demo
      ? "**No published figure stands beside these:** they are of demo data, which nobody else measures on."
      : "**No published figure stands beside these:** none is known of these data sets.",
  ];
}

/** A robustness run as sentences, its table, and a chart for each family of perturbations. */
export function robustnessView(report: RobustnessReport): Showable[] {
  return [
    escapeMarkdown(robustnessSentences(report).join(" ")),
    robustnessTable(report),
    ...abreast(...robustnessCharts(report, { width })),
  ];
}

/** The report of a file of scores: its table and the charts that it can have. */
export function scoreView({ report }: Scored): Showable[] {
  const source = chartSource(report, []);
  const options = { demo: report.demo, width };
  return [
    resultsTable(report.results),
    ...abreast(charts.metrics(source, options), charts.confusion(source, options)),
  ];
}

/** What lies in each folder. */
export async function foldersTable(folders: readonly string[]): Promise<Table> {
  const rows = await Promise.all(folders.map(async (folder) => {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    const names = entries.filter(({ name }) => !name.startsWith(".")).map(({ name, isDirectory }) =>
      isDirectory ? `${name}/` : name
    );
    return [folder, names.sort().join(", ")];
  }));
  return {
    title: "Where the files lie",
    columns: [{ name: "Folder", align: "left" }, { name: "Files", align: "left" }],
    rows,
    notes: [
      "The pages report.html, comparison.html and robustness.html load nothing, so that each can be sent as it is.",
    ],
  };
}
